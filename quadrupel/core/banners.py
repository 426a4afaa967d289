"""A banner of a user's set, as it is published and stored."""

from collections.abc import Mapping
from typing import NamedTuple

CLIENTS = ("web", "ios", "android")
"""The clients that show banners, in the order in which they are always named."""


class Banner(NamedTuple):
    """A banner that a user is shown: the rule, and the text forms of what its texts show.

    `episode` is that of the match; empty where it was stored when sets did not name them.
    `clients` are those that show it; empty: all of its placement.
    """

    rule: str
    shown: Mapping[str, str]
    episode: str = ""
    clients: tuple[str, ...] = ()


def in_order(clients: frozenset[str] | set[str]) -> tuple[str, ...]:
    """The clients in the order of CLIENTS."""
    return tuple([each for each in CLIENTS if each in clients])
