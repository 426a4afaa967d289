"""Pages of users of a run: read from the database by columns, and by the rules.

A run of changed rules reads their columns alone, and all columns of the few users who differ.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import TypeAlias

import polars as pl
import sqlalchemy as sa

from quadrupel.core.attributes import Type
from quadrupel.core.page_columns import text_name
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import Column
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.page_reading import PageRead, PageReading
from quadrupel.rules.tree import KeyedField
from quadrupel.store.profile_columns import ColumnRead
from quadrupel.store.range_pages import Part, RangePages

Read: TypeAlias = Callable[[Callable[[sa.Connection], pl.DataFrame]], pl.DataFrame]
"""Reads a frame by a connection to the database of the pages."""


class Pages:
    """Reads pages of users by the rules of one set; see `PageReading` for the arguments.

    `read` is `PageReading.read`. `deadlines` are those of pages by the set before.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        numbers: Mapping[str, int],
        deadlines: ColumnarDeadlines | None = None,
    ) -> None:
        self.rule_set = rule_set
        reading = PageReading(rule_set, numbers, deadlines=deadlines)
        self._pages = _range_pages(reading)
        self.deadlines = reading.deadlines
        self.read = reading.read
        # One range of a run follows the other, and to prepare a reading takes a while.
        self._by_some = lru_cache(maxsize=1)(
            lambda rules: PageReading(rule_set, numbers, rules, self.deadlines)
        )

    def page(self, connection: sa.Connection, part: Part, size: int) -> pl.DataFrame:
        """See `RangePages.read`."""
        return self._pages.read(connection, part, size)

    def of_changed(self, rules: Collection[str], again: Read) -> "ChangedPages":
        """Pages of a run that asks everybody these rules; `again` reads those who differ."""
        return ChangedPages(self, self._by_some(frozenset(rules)), again)


class ChangedPages:
    """Reads pages of users by rules that changed, and `whole` ones of whom something changed."""

    def __init__(self, whole: Pages, reading: PageReading, again: Read) -> None:
        self.rule_set = whole.rule_set
        self._whole = whole
        self._reading = reading
        self._again = again
        self._pages = _range_pages(reading)

    def page(self, connection: sa.Connection, part: Part, size: int) -> pl.DataFrame:
        """See `RangePages.read`; with the columns of the changed rules alone."""
        return self._pages.read(connection, part, size)

    def read(
        self,
        page: pl.DataFrame,
        as_of: date,
        evaluated_at: datetime,
        changed: Collection[str] = (),
        withheld: Collection[str] = (),
    ) -> PageRead:
        """As `PageReading.read`, with the verdicts of the changed rules alone in its counts.

        Of a user whose profile changes meanwhile the newer one is evaluated; who is erased
        meanwhile is left out.
        """
        look = self._reading.look(page, as_of, changed, withheld)
        if not look.users:
            return PageRead((), look.counts)
        part = Part(look.users[0], users=look.users)
        users = self._again(lambda connection: self._whole.page(connection, part, len(look.users)))
        told = self._whole.read(users, as_of, evaluated_at, changed, withheld)
        return PageRead(told.evaluations, replace(look.counts, changed=told.counts.changed))


def _range_pages(reading: PageReading) -> RangePages:
    """What reads the columns that a reading needs."""
    columns = [*map(column_read, reading.columns), *map(_text_read, reading.texts)]
    return RangePages(columns, reading.words)


def column_read(column: Column) -> ColumnRead:
    """How the database reads a column that rules need."""
    leaf = column.leaf
    type_ = Type(leaf.kind.value)
    if isinstance(leaf, KeyedField):
        return ColumnRead(column.name, leaf.attribute, type_, leaf.key, leaf.name)
    return ColumnRead(column.name, leaf.name, type_)


def _text_read(attribute: str) -> ColumnRead:
    return ColumnRead(text_name(attribute), attribute, Type.DECIMAL, as_text=True)
