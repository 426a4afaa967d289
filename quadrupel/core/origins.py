"""Origins of web pages, as browsers send them: `scheme://host[:port]`, RFC 6454, section 6.2."""

import re

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_USUAL_PORTS = {"http": 80, "https": 443}
_FORM = "an origin is http(s)://host[:port] in lower case, without a slash at the end"


def read_origins(text: str) -> frozenset[str]:
    """The origins of a list with commas. ValueError says which is none, and why."""
    return frozenset(_origin(each.strip()) for each in text.split(","))


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
