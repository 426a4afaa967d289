"""Keyed statistics in the language: the words that ask something of a key, and what each means.

A statistic without a name is asked by `.count`, `.sum`, `.first` and `.last`. One that is called
`seen` by `.seen`, which is its count, `.first_seen` and `.last_seen`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from quadrupel.core.attributes import Attribute
from quadrupel.rules.tree import Field, Kind

FIELDS: Mapping[Field, Kind] = {
    "count": Kind.INTEGER,
    "sum": Kind.DECIMAL,
    "first": Kind.DATETIME,
    "last": Kind.DATETIME,
}


class Asked(NamedTuple):
    """The statistic that a word is about, None where it has no name, and the field of it."""

    name: str | None
    field: Field


def words_of(attribute: Attribute) -> dict[str, Asked]:
    """What can be asked of a key of the attribute, by word."""
    if not attribute.names:
        return {field: Asked(None, field) for field in FIELDS}
    words: dict[str, Asked] = {}
    for name in attribute.names:
        words[name] = Asked(name, "count")
        words[f"first_{name}"] = Asked(name, "first")
        words[f"last_{name}"] = Asked(name, "last")
    return words
