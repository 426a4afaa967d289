import pytest

from quadrupel.http_urls import http_url

GOOD = [
    "https://portal.example/quadrupel",
    "http://127.0.0.1:8080",
    "http://[::1]:80/x?y=z",
    "https://user:secret@login_1.example/",
    "https://портал.example/",
]
WRONG = [
    "",
    "portal.example",
    "ftp://portal.example/",
    "http://",
    "https://:8080/x",
    "http://portal:eighty/",
    "http://portal:99999/",
    "http://portal:0/",
    "http://[::1",
    "http://1.2.3.999/",
    "http://portal..example/",
    "http://xn--a/",
    "http://portal.example/\n",
    "https://" + "a" * 70_000,
    "http://secret@portal:x/",
]


@pytest.mark.parametrize("url", GOOD)
def test_a_url_with_a_host_can_be_asked(url: str) -> None:
    http_url(url)


@pytest.mark.parametrize("url", WRONG, ids=lambda url: url[:30])
def test_a_url_that_nobody_could_ask_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|port") as refused:
        http_url(url)
    assert "secret" not in str(refused.value)
