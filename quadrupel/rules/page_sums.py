"""What the verdicts on a page say together: the bits of what holds, counts by rule, and a digest.

The expressions are written once for all pages: to write them takes longer than to compute them.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import polars as pl

from quadrupel.core.bits import WORD, from_signed, to_signed, word_count
from quadrupel.core.page_columns import word_name
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.columnar import CODES

MATCH, ERROR = CODES[Verdict.MATCH], CODES[Verdict.ERROR]

_VERDICTS = "verdicts"

_ByRule = tuple[dict[str, Any], dict[str, Any]]

_COUNTS = [(pl.all() == code).sum().name.prefix(f"{code} ") for code in (MATCH, ERROR)]
_ROWS = [(pl.all() == code).arg_true().implode().name.prefix(f"{code} ") for code in (MATCH, ERROR)]


class PageSums:
    """Adds up the verdicts of the rules `asked`, which are in the columns of a frame of codes.

    `numbers` are those of the bits of these rules, and of others: see `PageReading`. Where no rule
    is asked, a frame of what is true of each user has one row.
    """

    def __init__(self, asked: Collection[str], numbers: Mapping[str, int]) -> None:
        self.words = word_count(numbers.values())
        bits = {rule: numbers[rule] for rule in asked}
        hashed = [pl.col(rule).cast(pl.Int64) * _constant(rule) for rule in asked]
        self._of_each = [
            *(_word(bits, word).alias(word_name(word)) for word in range(self.words)),
            pl.sum_horizontal(pl.lit(_constant("")), *hashed).alias(_VERDICTS),
        ]

    def of_each(self, codes: pl.DataFrame) -> pl.DataFrame:
        """Of each user the words of bits, by name, and what `digest` needs."""
        return codes.select(self._of_each)

    def digest(self, of_each: pl.DataFrame, hashes: pl.Series) -> int:
        """The digest of the users whose hashes these are, see `RangeCounts`."""
        return from_signed(int((of_each[_VERDICTS] * (hashes | 1)).sum()))


def counted(codes: pl.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """How often each rule matches, and how often it errs, of those that do."""
    return _by_rule(codes, _COUNTS)


def rows(codes: pl.DataFrame) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """The rows that each rule matches, and those on which it errs, of the rules that do."""
    return _by_rule(codes, _ROWS)


def _by_rule(codes: pl.DataFrame, asked: Sequence[pl.Expr]) -> _ByRule:
    """What one row says of matches of all rules, and then of their errors; by rule, if it does."""
    if not codes.width:
        return {}, {}
    said = codes.select(asked).row(0)
    matches, errors = said[: codes.width], said[codes.width :]
    return (
        {rule: found for rule, found in zip(codes.columns, matches, strict=True) if found},
        {rule: found for rule, found in zip(codes.columns, errors, strict=True) if found},
    )


def _word(bits: Mapping[str, int], word: int) -> pl.Expr:
    """The bits of the rules that hold, as one word of them is published."""
    of_word = [
        (pl.col(rule) == MATCH).cast(pl.Int64) * to_signed(1 << number % WORD)
        for rule, number in bits.items()
        if number // WORD == word
    ]
    return pl.sum_horizontal(of_word) if of_word else pl.lit(0, dtype=pl.Int64)


@cache
def _constant(rule: str) -> int:
    """An odd number for a rule, as a signed 64-bit integer."""
    digest = hashlib.blake2b(rule.encode(), digest_size=8).digest()
    return to_signed(int.from_bytes(digest) | 1)
