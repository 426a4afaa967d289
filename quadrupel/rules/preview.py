"""Previews: for whom a rule would hold, tried on frames of users without publishing anything."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

import polars as pl

from quadrupel.core.verdicts import Verdict
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import CODES, Column, ColumnarReading
from quadrupel.rules.rule import Rule
from quadrupel.rules.tally import Tally, group_columns


class Preview:
    """What one rule says of the users that are added.

    `columns` is what a frame must have beside `user_id`; `matching` tallies those it holds for,
    `everybody` all of them, and `verdicts` counts every answer.
    """

    def __init__(self, rule_set: RuleSet, rule: Rule, today: date, sample: int) -> None:
        alone = RuleSet(rule_set.schema, {rule.id: rule}, rule_set.placements, rule_set.hash)
        self._reading = ColumnarReading(alone)
        self._rule, self._today = rule.id, today
        self.columns = united(self._reading.columns, tuple(group_columns(rule_set.schema)))
        self.matching = Tally(today, sample)
        self.everybody = Tally(today, 0)
        self.verdicts: Counter[Verdict] = Counter()

    def add(self, users: pl.DataFrame) -> None:
        """Read the rule for the users of a frame."""
        codes = self._reading.evaluate(users, self._today)[self._rule]
        for verdict, code in CODES.items():
            self.verdicts[verdict] += int((codes == code).sum())
        self.everybody.add(users)
        self.matching.add(users.filter(codes == CODES[Verdict.MATCH]))


def united(*groups: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of all groups, each name once."""
    return tuple({column.name: column for group in groups for column in group}.values())
