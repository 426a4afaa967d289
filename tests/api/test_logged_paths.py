import pytest

from quadrupel.api.logged_paths import told


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/users/7a1c/banners", "/v1/users/7a1c/banners"),
        ("/v1/unsubscribe/WyJhbm5hIl0.c2ln", "/v1/unsubscribe/..."),
        ("/v1/unsubscribe/WyJhbm5hIl0.c2ln/x", "/v1/unsubscribe/..."),
        ("/api/v1/unsubscribe/WyJhbm5hIl0.c2ln", "/api/v1/unsubscribe/..."),
        ("//v1/unsubscribe/WyJhbm5hIl0.c2ln", "//v1/unsubscribe/..."),
        ("/v1/unsubscribe/", "/v1/unsubscribe/"),
        ("/v1/unsubscribe", "/v1/unsubscribe"),
    ],
)
def test_a_path_is_told_without_the_token_of_a_link(path, expected):
    assert told(path) == expected
