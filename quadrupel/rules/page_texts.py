"""What matches on a page show: the texts of attributes, each column read when first asked for."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import polars as pl

from quadrupel.core.attributes import ADDITIVE, Schema, Type
from quadrupel.core.page_columns import text_name
from quadrupel.core.values import to_text
from quadrupel.core.verdicts import RuleMatch
from quadrupel.rules.rule import Rule


class PageTexts:
    """The texts of the users of a page, which has the columns that `PageReading` asks for."""

    def __init__(self, page: pl.DataFrame, schema: Schema) -> None:
        self._page = page
        self._schema = schema
        self._read: dict[str, list[Any]] = {}

    def matches(self, rule: Rule, rows: list[int]) -> Iterator[tuple[int, RuleMatch]]:
        """The match of each user for whom the rule holds, with the row, of which `rows` are all."""
        shown = {name: self._of(name, rows) for name in rule.shown} if rows else {}
        for place, row in enumerate(rows):
            texts = {name: found[place] for name, found in shown.items()}
            yield row, RuleMatch(rule.id, rule.once_per and texts[rule.once_per], texts)

    def _of(self, name: str, rows: list[int]) -> list[str]:
        missing = "0" if self._schema[name].feeds[0].operation in ADDITIVE else ""
        values = self._values(name)
        return [missing if values[row] is None else to_text(values[row]) for row in rows]

    def _values(self, name: str) -> list[Any]:
        """The attribute's values of all users, None where missing."""
        if name not in self._read:
            is_decimal = self._schema[name].type is Type.DECIMAL
            values = self._page[text_name(name) if is_decimal else name].to_list()
            if is_decimal:
                values = [value if value is None else Decimal(value) for value in values]
            self._read[name] = values
        return self._read[name]
