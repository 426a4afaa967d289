"""The links of banners: paths of the portal, or https addresses."""

import ast
from urllib.parse import urlsplit

from quadrupel.rules.literals import text
from quadrupel.rules.source import Source

MAX_LINK = 500


def read_link(source: Source, node: ast.expr | None) -> str | None:
    """The link; None where it is missing or the source says what is wrong with it."""
    link = text(source, node, MAX_LINK)
    if link is not None and not _is_link(link):
        hint = '"/services/..." or "https://..."'
        source.refuse(node, "a link is a path or an https address", hint)
    return link


def _is_link(link: str) -> bool:
    if not link.isprintable() or " " in link or "\\" in link:
        return False
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname) and "@" not in parts.netloc
    return link.startswith("/") and not parts.netloc and not link.startswith("//")
