"""Pages of users of a run: read from the database by columns, and by the rules.

A run of changed rules reads their columns alone, and all columns of the few users who differ.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
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
        self._numbers = numbers
        reading = PageReading(rule_set, numbers, deadlines=deadlines)
        self._pages = _range_pages(reading)
        self._changed: ChangedPages | None = None
        self.deadlines = reading.deadlines
        self.read = reading.read

    def page(self, connection: sa.Connection, part: Part, size: int) -> pl.DataFrame:
        """See `RangePages.read`."""
        return self._pages.read(connection, part, size)

    def of_changed(self, rules: Collection[str]) -> "ChangedPages":
        """Pages of a run that asks everybody these rules; the same from one range to the next."""
        if self._changed is None or self._changed.rules != frozenset(rules):
            reading = PageReading(self.rule_set, self._numbers, rules, self.deadlines)
            self._changed = ChangedPages(self, reading, frozenset(rules))
        return self._changed


class ChangedPages:
    """Reads pages of users by rules that changed, and `pages` of those of whom something did."""

    def __init__(self, pages: Pages, reading: PageReading, rules: frozenset[str]) -> None:
        self.rule_set = pages.rule_set
        self.rules = rules
        self._whole = pages
        self._reading = reading
        self._pages = _range_pages(reading)

    def page(self, connection: sa.Connection, part: Part, size: int) -> pl.DataFrame:
        """See `RangePages.read`; with the columns of the changed rules alone."""
        return self._pages.read(connection, part, size)

    def read(
        self,
        page: pl.DataFrame,
        as_of: date,
        evaluated_at: datetime,
        withheld: Collection[str],
        again: Read,
    ) -> PageRead:
        """As `PageReading.read`, with the verdicts of the changed rules alone in its counts.

        `again` reads those who differ. Of a user whose profile changes meanwhile the newer one is
        evaluated; who is erased meanwhile is left out.
        """
        look = self._reading.look(page, as_of, self.rules, withheld)
        if not look.users:
            return PageRead((), look.counts)
        part = Part(look.users[0], users=look.users)
        users = again(lambda connection: self._whole.page(connection, part, len(look.users)))
        told = self._whole.read(users, as_of, evaluated_at, self.rules, withheld)
        return PageRead(told.evaluations, replace(look.counts, changed=len(told.evaluations)))


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
