"""A page of users of a run, read by columns: who differs from what is published, and how.

A page is a frame that has, beside the columns of the rules, what is published of its users. Nearly
all of them are what they were, and are counted and left alone. Of the others an evaluation is made,
the same that the row reading makes, with the day on which the user is due again.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import or_

import polars as pl

from quadrupel.core.attributes import ADDITIVE, Schema, Type
from quadrupel.core.bits import WORD, from_signed, to_signed, word_count, words
from quadrupel.core.page_columns import (
    DUE_ON,
    HELD_MORE,
    PUBLISHED_VERSION,
    USER_HASH,
    USER_ID,
    VERSION,
    text_name,
    word_name,
)
from quadrupel.core.runs import RangeCounts, RuleCounts
from quadrupel.core.values import to_text
from quadrupel.core.verdicts import NEVER_DUE, Evaluation, RuleMatch, Verdict
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import CODES, Column, Query, columns
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.rule import Rule
from quadrupel.rules.timing import RuleTimes
from quadrupel.rules.tree import Input, Kind

_MATCH, _ERROR = CODES[Verdict.MATCH], CODES[Verdict.ERROR]


@dataclass(frozen=True, slots=True)
class PageRead:
    """What a page said: an evaluation of each user who differs, and counts over all its users."""

    evaluations: tuple[Evaluation, ...]
    counts: RangeCounts


@dataclass(frozen=True, slots=True)
class PageLook:
    """What a page said by some rules: the ids of users who differ, and counts over all its users.

    Nobody is counted as changed.
    """

    users: tuple[str, ...]
    counts: RangeCounts


class PageReading:
    """Reads the rules of one set for a page of users at a time.

    `numbers` are those of its rules, and of removed ones: whoever holds one of these differs, see
    `quadrupel.store.rule_numbers`. A page must have `columns`, the `texts` of attributes under
    `text_name`, `words` words of bits, and what `quadrupel.core.page_columns` names. Where `only`
    are given, these rules of the set are asked and no others, and a page may have no texts: it is
    enough to `look` at it. `deadlines` are those of another reading, of which those of the same
    rules are shared.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        numbers: Mapping[str, int],
        only: Collection[str] | None = None,
        deadlines: ColumnarDeadlines | None = None,
    ) -> None:
        self._rules = rule_set
        self._numbers = numbers
        asked = [each for each in rule_set.rules.values() if only is None or each.id in only]
        trees = {rule.id: rule.predicate.tree for rule in asked}
        self._asked = trees.keys()
        self._query = Query(trees)
        self._times = RuleTimes(self._query)
        self.deadlines = deadlines.of_others(trees) if deadlines else ColumnarDeadlines(trees)
        shown = [rule_set.schema[name] for name in _shown(asked if only is None else ())]
        self.texts = tuple(each.name for each in shown if each.type is Type.DECIMAL)
        inputs = [Input(each.name, Kind(each.type.value)) for each in shown]
        plain = [each for each in inputs if each.name not in self.texts]
        self.columns: tuple[Column, ...] = columns([*trees.values(), *plain])
        self.words = word_count(numbers.values())

    def read(
        self,
        page: pl.DataFrame,
        as_of: date,
        evaluated_at: datetime,
        changed: Collection[str] = (),
        withheld: Collection[str] = (),
    ) -> PageRead:
        """Read a page for one day; the time is when it was asked.

        `changed` are the rules that not everybody was asked yet: who matches one of them differs,
        and so does who is due by it earlier than is known. By what `withheld` rules say nobody
        differs, since publish would change nothing.
        """
        codes, differs = self._compare(page, as_of, changed, withheld)
        evaluations: tuple[Evaluation, ...] = ()
        if differs.any():
            theirs = codes.filter(differs) if codes.width else codes
            users = page.filter(differs)
            evaluations = tuple(self._evaluations(users, theirs, as_of, evaluated_at))
        return PageRead(evaluations, self._counts(page, codes, as_of, len(evaluations)))

    def look(
        self,
        page: pl.DataFrame,
        as_of: date,
        changed: Collection[str] = (),
        withheld: Collection[str] = (),
    ) -> PageLook:
        """Who of a page differs, by the rules that are asked; the arguments are those of `read`."""
        codes, differs = self._compare(page, as_of, changed, withheld)
        users = page[USER_ID].filter(differs).to_list()
        return PageLook(tuple(users), self._counts(page, codes, as_of, changed=0))

    def _compare(
        self, page: pl.DataFrame, as_of: date, changed: Collection[str], withheld: Collection[str]
    ) -> tuple[pl.DataFrame, pl.Series]:
        """What the rules say of each user, and whether the user is to be told to publish."""
        codes = self._query.evaluate(page, as_of)
        differs = self._differs(page, codes, withheld, as_of)
        if heard := sorted((self._asked & changed) - {*withheld}):
            differs |= _any(codes, heard, _MATCH)
            earlier = self._due_earlier(page, (~differs).arg_true(), as_of, heard)
            differs = differs.scatter(earlier, values=True)
        return codes, differs

    def _counts(
        self, page: pl.DataFrame, codes: pl.DataFrame, as_of: date, changed: int
    ) -> RangeCounts:
        matched, errors = _counted(codes, _MATCH), _counted(codes, _ERROR)
        seconds = self._times.estimate(page, as_of)
        return RangeCounts(
            evaluated=page.height,
            matched=sum(matched.values()),
            errors=sum(errors.values()),
            changed=changed,
            digest=self._digest(page, codes),
            rules={
                rule: RuleCounts(errors.get(rule, 0), matched.get(rule, 0), seconds.get(rule, 0.0))
                for rule in sorted({*matched, *errors, *seconds})
            },
        )

    def _differs(
        self, page: pl.DataFrame, codes: pl.DataFrame, withheld: Collection[str], as_of: date
    ) -> pl.Series:
        """Whether each user is to be told to publish, by what is published."""
        unheard = (self._rules.rules.keys() - self._asked) | {*withheld}
        published = page.select(
            pl.col(PUBLISHED_VERSION).ne_missing(pl.col(VERSION))
            | (pl.col(DUE_ON).fill_null(date.min) <= as_of)
            | pl.col(HELD_MORE).fill_null(value=False)
        ).to_series()
        held = codes.select(self._word(word).alias(word_name(word)) for word in range(self.words))
        others = [
            (held[name] ^ page[name].fill_null(0)) & ~mask != 0
            for name, mask in zip(held.columns, self._words_of(unheard), strict=True)
        ]
        erring = _any(codes, self._asked - unheard, _ERROR)
        return reduce(or_, [published, *others, erring])

    def _words_of(self, rules: Collection[str]) -> list[int]:
        """The words of a page in which the bits of these rules are set."""
        found = words(self._numbers[rule] for rule in rules)
        return found + [0] * (self.words - len(found))

    def _due_earlier(
        self, page: pl.DataFrame, rows: pl.Series, as_of: date, rules: Iterable[str]
    ) -> pl.Series:
        """Those of the rows whose users are due by one of the rules earlier than is known."""
        asked = page[rows]
        due = self.deadlines.earliest(asked, as_of, rules).fill_null(NEVER_DUE)
        return rows.filter(due < asked[DUE_ON])

    def _word(self, word: int) -> pl.Expr:
        """The bits of the rules that hold, as one word of them is published."""
        bits = [
            (pl.col(rule) == _MATCH).cast(pl.Int64) * to_signed(1 << number % WORD)
            for rule, number in self._numbers.items()
            if rule in self._asked and number // WORD == word
        ]
        return pl.sum_horizontal(bits) if bits else pl.lit(0, dtype=pl.Int64)

    def _evaluations(
        self, page: pl.DataFrame, codes: pl.DataFrame, as_of: date, evaluated_at: datetime
    ) -> Iterator[Evaluation]:
        """What is told to publish of each user of a page."""
        matches: list[list[RuleMatch]] = [[] for _ in range(page.height)]
        errors: list[list[str]] = [[] for _ in range(page.height)]
        texts = _Texts(page, self._rules.schema)
        matching, erring = _rows(codes, _MATCH), _rows(codes, _ERROR)
        for rule in self._rules.rules.values():
            for row, match in texts.matches(rule, matching[rule.id]):
                matches[row].append(match)
            for row in erring[rule.id]:
                errors[row].append(rule.id)
        due = self.deadlines.earliest(page, as_of).fill_null(NEVER_DUE).to_list()
        versions = page[VERSION].to_list()
        for row, user_id in enumerate(page[USER_ID].to_list()):
            yield Evaluation(
                user_id=user_id,
                profile_version=versions[row],
                as_of=as_of,
                evaluated_at=evaluated_at,
                rule_set=self._rules.hash,
                matches=tuple(matches[row]),
                errors=tuple(errors[row]),
                due_on=due[row],
            )

    def _digest(self, page: pl.DataFrame, codes: pl.DataFrame) -> int:
        verdicts = pl.repeat(_constant(""), page.height, dtype=pl.Int64, eager=True)
        for rule in codes.columns:
            verdicts += codes[rule].cast(pl.Int64) * _constant(rule)
        return from_signed(int((verdicts * (page[USER_HASH] | 1)).sum()))


class _Texts:
    """The texts that matches on a page show, by attribute, made when one is first asked for."""

    def __init__(self, page: pl.DataFrame, schema: Schema) -> None:
        self._page = page
        self._schema = schema

    def matches(self, rule: Rule, rows: list[int]) -> Iterator[tuple[int, RuleMatch]]:
        """The match of each user for whom the rule holds, with the row, of which `rows` are all."""
        shown = {name: self._of(name, rows) for name in rule.shown} if rows else {}
        for place, row in enumerate(rows):
            texts = {name: found[place] for name, found in shown.items()}
            yield row, RuleMatch(rule.id, rule.once_per and texts[rule.once_per], texts)

    def _of(self, name: str, rows: list[int]) -> list[str]:
        attribute = self._schema[name]
        column = self._page[text_name(name) if attribute.type is Type.DECIMAL else name]
        missing = "0" if attribute.feeds[0].operation in ADDITIVE else ""
        values = column.gather(rows).to_list()
        if attribute.type is Type.DECIMAL:
            values = [value if value is None else Decimal(value) for value in values]
        return [missing if value is None else to_text(value) for value in values]


def _shown(rules: Iterable[Rule]) -> list[str]:
    """The attributes whose values the rules show, each once."""
    return sorted({name for rule in rules for name in rule.shown})


def _any(codes: pl.DataFrame, rules: Collection[str], code: int) -> pl.Series:
    """Whether one of the rules has this verdict, for each user."""
    if not rules:
        return pl.Series([False], dtype=pl.Boolean)
    return codes.select(pl.any_horizontal(pl.col(list(rules)) == code)).to_series()


def _rows(codes: pl.DataFrame, code: int) -> Mapping[str, list[int]]:
    """By rule the rows that have this verdict."""
    if not codes.width:
        return {}
    return codes.select((pl.all() == code).arg_true().implode()).row(0, named=True)


def _counted(codes: pl.DataFrame, code: int) -> dict[str, int]:
    """How often each rule has this verdict, of those that have it."""
    if not codes.width:
        return {}
    counted = codes.select((pl.all() == code).sum()).row(0, named=True)
    return {rule: count for rule, count in counted.items() if count}


def _constant(rule: str) -> int:
    """An odd number for a rule, as a signed 64-bit integer."""
    digest = hashlib.blake2b(rule.encode(), digest_size=8).digest()
    return to_signed(int.from_bytes(digest) | 1)
