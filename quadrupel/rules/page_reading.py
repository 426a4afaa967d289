"""A page of users of a run, read by columns: who differs from what is published, and how.

A page is a frame that has, beside the columns of the rules, what is published of its users. Nearly
all of them are what they were, and are counted and left alone. Of the others an evaluation is made,
the same that the row reading makes, with the day on which the user is due again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import reduce
from operator import or_

import polars as pl

from quadrupel.core.attributes import Type
from quadrupel.core.bits import words
from quadrupel.core.page_columns import (
    DUE_ON,
    HELD_MORE,
    PUBLISHED_VERSION,
    SHOWN,
    USER_HASH,
    USER_ID,
    VERSION,
    word_name,
)
from quadrupel.core.runs import RangeCounts, RuleCounts
from quadrupel.core.verdicts import NEVER_DUE, Evaluation, RuleMatch
from quadrupel.rules import page_sums
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import Column, Query, columns
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.columnar_text import Tables
from quadrupel.rules.page_sums import ERROR, MATCH, PageSums
from quadrupel.rules.page_texts import PageTexts
from quadrupel.rules.rule import Rule
from quadrupel.rules.timing import RuleTimes
from quadrupel.rules.tree import Input, Kind

AT_ONCE = 4_000
"""Of how many users evaluations are made at once, before whoever wants them is given the first.

Where much of their deadlines is read by rows, they may take a quarter of a millisecond each.
"""


@dataclass(frozen=True, slots=True)
class PageRead:
    """What a page said: an evaluation of each user who differs, and counts over all its users.

    The evaluations are made while they are taken, which can be done once, AT_ONCE at a time: who
    has a lease can renew it meanwhile. They are to be taken before another page is read.
    """

    evaluations: Iterable[Evaluation]
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
        tables = Tables()
        self._query = Query(trees, tables)
        self._times = RuleTimes(self._query)
        before = deadlines or ColumnarDeadlines({})
        self.deadlines = before.of_others(trees, tables)
        shown = [rule_set.schema[name] for name in _shown(asked if only is None else ())]
        self.texts = tuple(each.name for each in shown if each.type is Type.DECIMAL)
        inputs = [Input(each.name, Kind(each.type.value)) for each in shown]
        plain = [each for each in inputs if each.name not in self.texts]
        self.columns: tuple[Column, ...] = columns([*trees.values(), *plain])
        self._sums = PageSums(self._asked, numbers)
        self.words = self._sums.words

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
        and so does who is due by it earlier than is known; where they are all rules, so does
        who is shown something or has an open match. By what `withheld` rules say nobody differs,
        since publish would open and close nothing; but who holds a changed one does, since its
        banner may be weighed otherwise.
        """
        codes = self._query.evaluate(page, as_of)
        differs, counts = self._compare(page, codes, as_of, changed, withheld)
        users = page.filter(differs)
        theirs = codes.filter(differs) if codes.width else codes
        evaluations = self._evaluations(users, theirs, as_of, evaluated_at)
        return PageRead(evaluations, replace(counts, changed=users.height))

    def look(
        self,
        page: pl.DataFrame,
        as_of: date,
        changed: Collection[str] = (),
        withheld: Collection[str] = (),
    ) -> PageLook:
        """Who of a page differs, by the rules that are asked; the arguments are those of `read`."""
        codes = self._query.evaluate(page, as_of)
        differs, counts = self._compare(page, codes, as_of, changed, withheld)
        return PageLook(tuple(page[USER_ID].filter(differs).to_list()), counts)

    def _compare(
        self,
        page: pl.DataFrame,
        codes: pl.DataFrame,
        as_of: date,
        changed: Collection[str],
        withheld: Collection[str],
    ) -> tuple[pl.Series, RangeCounts]:
        """Whether each user is to be told to publish, and counts of the verdicts."""
        of_each = self._sums.of_each(codes)
        matched, errors = page_sums.counted(codes)
        unheard = (self._rules.rules.keys() - self._asked) | {*withheld}
        differs = self._differs(page, of_each, unheard, as_of)
        if self._rules.rules.keys() <= {*changed}:
            differs |= self._held(page, [-1] * self.words)  # one of all bits
            differs |= page[HELD_MORE].fill_null(value=False) | page[SHOWN].fill_null(value=False)
        if erring := errors.keys() - unheard:
            differs |= _any(codes, erring, ERROR)
        if kept := self._asked & changed & {*withheld}:
            differs |= self._held(page, self._words_of(kept))
        if heard := sorted((self._asked & changed) - {*withheld}):
            differs |= _any(codes, heard, MATCH)
            earlier = self._due_earlier(page, (~differs).arg_true(), as_of, heard)
            differs = differs.scatter(earlier, values=True)
        seconds = self._times.estimate(page, as_of)
        return differs, RangeCounts(
            evaluated=page.height,
            matched=sum(matched.values()),
            errors=sum(errors.values()),
            digest=self._sums.digest(of_each, page[USER_HASH]),
            rules={
                rule: RuleCounts(errors.get(rule, 0), matched.get(rule, 0), seconds.get(rule, 0.0))
                for rule in sorted({*matched, *errors, *seconds})
            },
        )

    def _differs(
        self, page: pl.DataFrame, of_each: pl.DataFrame, unheard: Collection[str], as_of: date
    ) -> pl.Series:
        """Whether what is published of each user is of other verdicts, or of before a day."""
        published = page.select(
            pl.col(PUBLISHED_VERSION).ne_missing(pl.col(VERSION))
            | (pl.col(DUE_ON).fill_null(date.min) <= as_of)
            | pl.col(HELD_MORE).fill_null(value=False)
        ).to_series()
        names = [word_name(word) for word in range(self.words)]
        others = [
            (of_each[name] ^ page[name].fill_null(0)) & ~mask != 0
            for name, mask in zip(names, self._words_of(unheard), strict=True)
        ]
        return reduce(or_, [published, *others])

    def _held(self, page: pl.DataFrame, masks: Sequence[int]) -> pl.Series:
        """Whether a rule of these bits, a mask a word, holds for each user as published."""
        names = [word_name(word) for word in range(self.words)]
        return reduce(
            or_,
            [page[name].fill_null(0) & mask != 0 for name, mask in zip(names, masks, strict=True)],
        )

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

    def _evaluations(
        self, page: pl.DataFrame, codes: pl.DataFrame, as_of: date, evaluated_at: datetime
    ) -> Iterator[Evaluation]:
        """What is told to publish of each user of a page, made of some of them after the other."""
        starts = range(0, page.height, AT_ONCE)
        due = self.deadlines.in_parts(page, as_of, AT_ONCE)
        for start, days in zip(starts, due, strict=False):  # of nobody there is one part, empty
            some = page.slice(start, AT_ONCE), codes.slice(start, AT_ONCE)
            yield from self._told(*some, days, as_of, evaluated_at)

    def _told(
        self,
        page: pl.DataFrame,
        codes: pl.DataFrame,
        deadlines: pl.Series,
        as_of: date,
        evaluated_at: datetime,
    ) -> Iterator[Evaluation]:
        """What is told to publish of each user of a page, made of all of them at once."""
        matches: list[list[RuleMatch]] = [[] for _ in range(page.height)]
        errors: list[list[str]] = [[] for _ in range(page.height)]
        texts = PageTexts(page, self._rules.schema)
        matching, erring = page_sums.rows(codes)
        for rule in self._rules.rules.values():
            for row, match in texts.matches(rule, matching.get(rule.id, [])):
                matches[row].append(match)
            for row in erring.get(rule.id, []):
                errors[row].append(rule.id)
        due = deadlines.fill_null(NEVER_DUE).to_list()
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


def _shown(rules: Iterable[Rule]) -> list[str]:
    """The attributes whose values the rules show, each once."""
    return sorted({name for rule in rules for name in rule.shown})


def _any(codes: pl.DataFrame, rules: Collection[str], code: int) -> pl.Series:
    """Whether one of the rules has this verdict, for each user."""
    if not rules:
        return pl.Series([False], dtype=pl.Boolean)
    return codes.select(pl.any_horizontal(pl.col(list(rules)) == code)).to_series()
