"""Attributes: the declared, typed fields of a profile, and the feeds that fold events into them.

A declaration is data (`rules/profile.py`, read by `quadrupel.rules.declaration`); this module says
what a declaration may contain. How a feed changes a value is in `quadrupel.core.profiles`.
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """The type of an attribute, and in brackets what a Python value of it is.

    date (date), datetime (aware datetime, UTC), integer (int, 64 bits), decimal (Decimal, at most
    18 digits before and 6 after the point), boolean (bool), text (str), statistics (a mapping from
    key to Statistic), windowed_count (DayCounts; for rules it is an integer that depends on today).
    """

    DATE = "date"
    DATETIME = "datetime"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    STATISTICS = "statistics"
    WINDOWED_COUNT = "windowed_count"


class Operation(StrEnum):
    """How a feed changes its attribute.

    latest: the field's value of the event with the latest time; set: a constant, likewise;
    clear: no value, likewise (the three compete by event time). count: plus one, which a windowed
    count remembers by day. sum: plus the field's value; subtract: minus it. first_time, last_time:
    the earliest and latest event time. statistics: count, sum, first and last time per key.
    """

    LATEST = "latest"
    SET = "set"
    CLEAR = "clear"
    COUNT = "count"
    SUM = "sum"
    SUBTRACT = "subtract"
    FIRST_TIME = "first_time"
    LAST_TIME = "last_time"
    STATISTICS = "statistics"


REGISTER = frozenset({Operation.LATEST, Operation.SET, Operation.CLEAR})
"""The operations of which the one with the latest event time decides."""

ADDITIVE = frozenset({Operation.COUNT, Operation.SUM, Operation.SUBTRACT})
"""The operations that add up, in any order."""

Scalar = str | int | bool

_SCALAR_TYPES = frozenset(Type) - {Type.STATISTICS, Type.WINDOWED_COUNT}

ALLOWED_TYPES: Mapping[Operation, frozenset[Type]] = {
    Operation.LATEST: _SCALAR_TYPES,
    Operation.SET: frozenset({Type.INTEGER, Type.BOOLEAN, Type.TEXT}),
    Operation.CLEAR: _SCALAR_TYPES,
    Operation.COUNT: frozenset({Type.INTEGER, Type.WINDOWED_COUNT}),
    Operation.SUM: frozenset({Type.INTEGER, Type.DECIMAL}),
    Operation.SUBTRACT: frozenset({Type.INTEGER, Type.DECIMAL}),
    Operation.FIRST_TIME: frozenset({Type.DATE, Type.DATETIME}),
    Operation.LAST_TIME: frozenset({Type.DATE, Type.DATETIME}),
    Operation.STATISTICS: frozenset({Type.STATISTICS}),
}


@dataclass(frozen=True, slots=True)
class Feed:
    """One way in which events change an attribute.

    `event` is the CloudEvents type. `field` names a member of `data`: the value (latest, sum,
    subtract), or the amount to sum (statistics, optional). `where` holds members of `data` and the
    value each must have for the event to count. `key` names the member of `data` that is the key
    of a statistic; `name` sets it apart from others of the same key. `value` is the constant of a
    set.
    """

    operation: Operation
    event: str
    field: str | None = None
    where: Mapping[str, Scalar] = dataclasses.field(default_factory=dict)
    key: str | None = None
    value: Scalar | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One declared field of a profile. `values` lists what a text may be; empty: anything.

    The feeds of one attribute are all registers, all additive, statistics of different names, or
    one single other operation.
    `window` is how many days a windowed count looks back, today included; 0 for other types.
    """

    name: str
    type: Type
    doc: str
    feeds: tuple[Feed, ...]
    values: tuple[str, ...] = ()
    window: int = 0

    @property
    def tag(self) -> int:
        """See `tag_of`."""
        return tag_of(self.name)

    @property
    def feeds_hash(self) -> str:
        """A hash of how events feed the attribute, its window included; its doc does not count."""
        feeds = [
            (each.operation.value, each.event, each.field, sorted(each.where.items()), each.key)
            for each in self.feeds
        ]
        constants = [each.value for each in self.feeds]
        more = [each for each in (self.window, self.names) if each]
        hashed = (feeds, constants, *more)
        return hashlib.blake2b(repr(hashed).encode(), digest_size=16).hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its statistics, if they have some."""
        return tuple(each.name for each in self.feeds if each.name is not None)

    @property
    def is_register(self) -> bool:
        """Whether the event with the latest time decides the value."""
        return self.feeds[0].operation in REGISTER

    @property
    def has_text(self) -> bool:
        """Whether its value has a text form that stays as it is until the next event."""
        return self.type in _SCALAR_TYPES


def tag_of(name: str) -> int:
    """A stable 32-bit number for the name of an attribute, used in the packed fold state."""
    return zlib.crc32(name.encode())


def named_key(key: str, name: str | None) -> str:
    """The key under which a statistic is kept: with its name, if it has one."""
    return key if name is None else f"{key}.{name}"


@dataclass(frozen=True, slots=True)
class Schema:
    """All declared attributes, by name, in the order of the declaration."""

    attributes: Mapping[str, Attribute]

    def __getitem__(self, name: str) -> Attribute:
        """The attribute of that name; KeyError when it is not declared."""
        return self.attributes[name]

    def feeds_of(self, event_type: str) -> tuple[tuple[Attribute, Feed], ...]:
        """Every feed that events of the type go into."""
        return tuple(
            (attribute, feed)
            for attribute in self.attributes.values()
            for feed in attribute.feeds
            if feed.event == event_type
        )
