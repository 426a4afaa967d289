"""URLs of services that are asked by HTTP, checked before anybody asks there."""

from pydantic import HttpUrl, TypeAdapter, ValidationError

_URL = TypeAdapter(HttpUrl)


def http_url(text: str) -> str:
    """The URL as it is asked. ValueError unless it has a host and a port that there can be.

    The error does not repeat the URL, which may hold a password.
    """
    try:
        url = _URL.validate_python(text)
        (url.host or "").encode("idna")  # as it is looked up: what no name server takes
    except (ValidationError, UnicodeError):
        raise ValueError(
            "that is no http(s) URL with a host and a port that there can be"
        ) from None
    if url.port == 0 or not text.isprintable() or text != text.strip():
        raise ValueError("a URL has a port from 1 to 65535, and no space or line break")
    return str(url)
