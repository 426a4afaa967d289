"""Pages of users of a run: read from the database by columns, and by the rules."""

from collections.abc import Collection, Mapping
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from quadrupel.core.attributes import Type
from quadrupel.core.page_columns import text_name
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import Column
from quadrupel.rules.page_reading import PageRead, PageReading
from quadrupel.rules.tree import KeyedField
from quadrupel.store.profile_columns import ColumnRead
from quadrupel.store.range_pages import Part, RangePages


class Pages:
    """Reads pages of users by the rules of one set; see `PageReading` for the arguments."""

    def __init__(self, rule_set: RuleSet, numbers: Mapping[str, int]) -> None:
        self.rule_set = rule_set
        self._reading = PageReading(rule_set, numbers)
        texts = [_text_read(name) for name in self._reading.texts]
        columns = [*map(column_read, self._reading.columns), *texts]
        self._pages = RangePages(columns, self._reading.words)

    def page(self, connection: sa.Connection, part: Part, size: int) -> pl.DataFrame:
        """See `RangePages.read`."""
        return self._pages.read(connection, part, size)

    def read(
        self,
        page: pl.DataFrame,
        as_of: date,
        evaluated_at: datetime,
        changed: Collection[str] = (),
        withheld: Collection[str] = (),
    ) -> PageRead:
        """See `PageReading.read`."""
        return self._reading.read(page, as_of, evaluated_at, changed, withheld)


def column_read(column: Column) -> ColumnRead:
    """How the database reads a column that rules need."""
    leaf = column.leaf
    type_ = Type(leaf.kind.value)
    if isinstance(leaf, KeyedField):
        return ColumnRead(column.name, leaf.attribute, type_, leaf.key, leaf.name)
    return ColumnRead(column.name, leaf.name, type_)


def _text_read(attribute: str) -> ColumnRead:
    return ColumnRead(text_name(attribute), attribute, Type.DECIMAL, as_text=True)
