import pytest

from quadrupel.core.origins import read_base_url, read_origins

RIGHT = [
    "https://portal.example",
    "http://localhost:5173",
    "http://127.0.0.1:8080",
    "https://[2001:db8::1]:8443",
    "https://xn--80aswg.xn--p1ai",
    "http://portal.example:443",
]

WRONG = [
    "*",
    "null",
    "",
    "portal.example",
    "https://",
    "https://*.portal.example",
    "https://portal.example/",
    "https://portal.example/start",
    "https://portal.example?x",
    "https://portal.example#x",
    "https://user:secret@portal.example",
    "https://Portal.example",
    "HTTPS://portal.example",
    "https://портал.example",
    "https://portal.example:443",
    "http://portal.example:80",
    "https://portal.example:0",
    "https://portal.example:08443",
    "https://portal.example:65536",
    "https://portal.example:x",
    "https://portal.example:",
    "https://portal example",
    "https://portal.example\nhttps://evil.example",
    "https://portal.example\0",
    "ftp://portal.example",
    "file://",
    "javascript:alert(1)",
    "https://" + "a" * 300,
    "https://portal.example,",
    "https://portal.example https://other.example",
    "https://portal.example;https://other.example",
]


@pytest.mark.parametrize("text", RIGHT)
def test_an_origin_is_read(text: str) -> None:
    assert read_origins(text) == {text}


def test_several_are_read_with_or_without_spaces() -> None:
    assert read_origins(f"{RIGHT[0]}, {RIGHT[1]},{RIGHT[2]}") == set(RIGHT[:3])


@pytest.mark.parametrize("text", WRONG)
def test_what_no_browser_sends_as_an_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"origin|leave out"):
        read_origins(text)
    with pytest.raises(ValueError, match=r"origin|leave out"):
        read_origins(f"{RIGHT[0]},{text}")


@pytest.mark.parametrize("text", ["*", "null"])
def test_anybody_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match="tokens travel"):
        read_origins(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://api.portal.example", "https://api.portal.example"),
        ("https://portal.example:8443/api/", "https://portal.example:8443/api"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_base_url_is_an_origin_with_a_path_at_most(text, read):
    assert read_base_url(text) == read


@pytest.mark.parametrize(
    "text",
    [
        *("", "portal.example", "https://", "https:///x", "ftp://portal.example"),
        *(
            "http://portal.example",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
        ),
        *(
            "https://user:secret@portal.example",
            "https://portal.example/?x",
            "https://a.example/#x",
        ),
        *(
            "https://a.example/x>y",
            "https://a.example/x y",
            "https://a.example/\r\nBcc: e@x.example",
        ),
        *("https://a.example/%0a", "https://портал.example", "https://a.example//x", "https://a\0"),
        "https://a.example/" + "x" * 200,
    ],
)
def test_what_is_no_base_url_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match=r"^it (is|begins with) https://") as refused:
        read_base_url(text)
    assert "secret" not in str(refused.value)
