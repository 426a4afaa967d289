"""Origins of web pages, as browsers send them: `scheme://host[:port]`, RFC 6454, section 6.2.

And addresses that begin with one, under which a service is reached from outside.
"""

import re

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_USUAL_PORTS = {"http": 80, "https": 443}
_LOCAL = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
MAX_BASE_URL = 200
_FORM = "an origin is http(s)://host[:port] in lower case, without a slash at the end"


def read_origins(text: str) -> frozenset[str]:
    """The origins of a list with commas. ValueError says which is none, and why."""
    return frozenset(_origin(each.strip()) for each in text.split(","))


def read_base_url(text: str) -> str:
    """The address without a slash at its end. ValueError unless it is an origin and maybe a path.

    It begins with https://, but for one of this machine. The error does not repeat it.
    """
    slash = text.find("/", len("https://"))
    base, path = (text, "") if slash < 0 else (text[:slash], text[slash:])
    found = _ORIGIN.fullmatch(base)
    if found is None or not _PATH.fullmatch(path) or len(text) > MAX_BASE_URL:
        raise ValueError("it is https://host[:port] in lower case, with a path at most")
    if found["scheme"] != "https" and not _LOCAL.fullmatch(base):
        raise ValueError("it begins with https://, unless the host is localhost")
    return text.rstrip("/")


def _origin(text: str) -> str:
    if text in ("*", "null"):
        raise ValueError(
            f"{text} stands for pages of anybody, and citizens' tokens travel here: name origins,"
            " such as https://portal.example"
        )
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:100]!r} is no origin: {_FORM}")
    port = int(found["port"] or 0)
    if port == _USUAL_PORTS[found["scheme"]] or port > 65_535:
        raise ValueError(f"no browser sends {text!r}: leave out :{port}")
    return text
