"""Pages of users of a run: read from the database by columns, and by the rules."""

from collections.abc import Mapping

import polars as pl
import sqlalchemy as sa

from quadrupel.core.attributes import Type
from quadrupel.core.page_columns import text_name
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import Column
from quadrupel.rules.page_reading import PageReading
from quadrupel.rules.tree import KeyedField
from quadrupel.store.profile_columns import ColumnRead
from quadrupel.store.range_pages import Part, RangePages


class Pages:
    """Reads pages of users by the rules of one set; see `PageReading` for the arguments.

    `read` is `PageReading.read`.
    """

    def __init__(self, rule_set: RuleSet, numbers: Mapping[str, int]) -> None:
        self.rule_set = rule_set
        reading = PageReading(rule_set, numbers)
        texts = [_text_read(name) for name in reading.texts]
        columns = [*map(column_read, reading.columns), *texts]
        self._pages = RangePages(columns, reading.words)
        self.read = reading.read

    def page(self, connection: sa.Connection, part: Part, size: int) -> pl.DataFrame:
        """See `RangePages.read`."""
        return self._pages.read(connection, part, size)


def column_read(column: Column) -> ColumnRead:
    """How the database reads a column that rules need."""
    leaf = column.leaf
    type_ = Type(leaf.kind.value)
    if isinstance(leaf, KeyedField):
        return ColumnRead(column.name, leaf.attribute, type_, leaf.key, leaf.name)
    return ColumnRead(column.name, leaf.name, type_)


def _text_read(attribute: str) -> ColumnRead:
    return ColumnRead(text_name(attribute), attribute, Type.DECIMAL, as_text=True)
