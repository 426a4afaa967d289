"""URLs of services that are asked by HTTP, checked before anybody asks there."""

import httpx


def check_http_url(text: str) -> None:
    """Raise ValueError unless it is a URL with a host that can be asked.

    The error does not repeat the URL, which may hold a password.
    """
    try:
        url = httpx.URL(text)
        host = url.host
        url.raw_host.decode("ascii").encode("idna")  # what the resolver refuses, if not httpx
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError("that is no URL with a host and a port that there can be") from error
    if url.scheme not in ("https", "http") or not host:
        raise ValueError("a URL starts with https:// or http:// and a host")
    if url.port is not None and not 0 < url.port <= 65_535:
        raise ValueError("a port is a number from 1 to 65535")
