"""Reports: what became of the users for whom a rule began to hold, by arm, and arm against arm.

A user is counted once, in the arm of the first exposure: so the users of an arm are independent of
each other, which intervals take for granted, and clicks and goals are those of any of the user's
episodes. The goal is compared among all users of the arms, seen or not: that part of one arm sees
the banner is part of what the rule does, and who would have seen it among the others nobody knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from quadrupel.core.experiments import CONTROL, SHOWN
from quadrupel.core.intervals import Interval, difference, wilson

FEW = 100
"""Of fewer people on either side nothing is said of a difference."""


class Counts(NamedTuple):
    """How many users of an arm there are, and what became of them.

    `shown`: of how many the banner found a place; None where that is not recorded. `seen` are among
    them, `clicked` and `dismissed` among those. `since` is when the first of them was exposed.
    """

    users: int
    shown: int | None
    seen: int
    clicked: int
    dismissed: int
    reached: int
    since: datetime


class Proportion(NamedTuple):
    """A `number` of people `of` so many, and the proportion with its interval."""

    number: int
    of: int
    interval: Interval


class Difference(NamedTuple):
    """By how much a proportion is above that of the arm it is compared with.

    `enough`: there are enough people on both sides for the interval to mean something.
    """

    against: str
    interval: Interval
    enough: bool

    @property
    def is_clear(self) -> bool:
        """Whether chance alone would hardly make it: zero is outside of the interval."""
        return self.enough and not self.interval.low <= 0 <= self.interval.high


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One arm. Rates of clicks and dismissals are of who saw the banner, that of goals of all.

    The differences are None of the arm that others are compared with, and where nothing is.
    """

    arm: str
    users: int
    shown: Proportion | None
    seen: Proportion
    clicked: Proportion
    dismissed: Proportion
    reached: Proportion | None
    click_difference: Difference | None = None
    goal_difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What became of one rule; without arms nothing was recorded yet."""

    rule: str
    since: datetime | None
    arms: tuple[ArmReport, ...]


def rule_report(
    rule: str, counts: Mapping[str, Counts], variants: Sequence[str], *, has_goal: bool
) -> RuleReport:
    """The report of a rule from the counts of its arms.

    Goals are compared with the control group, or else with the first of the `variants`; clicks with
    the first variant. Variants that are no longer declared come last. Beside variants, SHOWN are
    those who began to match before there were any, or after: on other days, so variants are never
    compared with them. They are compared with the control group where no variants are declared.
    """
    order = [CONTROL, SHOWN, *variants]
    arms = sorted(counts, key=lambda arm: (order.index(arm) if arm in order else len(order), arm))
    first = next((arm for arm in arms if arm not in (CONTROL, SHOWN)), None)
    against = CONTROL if CONTROL in counts else first
    former = SHOWN if variants or CONTROL not in counts else None
    found = tuple(
        [
            _arm(
                arm,
                counts,
                against=None if arm == former else against,
                clicks=first,
                has_goal=has_goal,
            )
            for arm in arms
        ]
    )
    return RuleReport(rule, min((each.since for each in counts.values()), default=None), found)


def _arm(
    arm: str,
    counts: Mapping[str, Counts],
    *,
    against: str | None,
    clicks: str | None,
    has_goal: bool,
) -> ArmReport:
    of = counts[arm]
    viewers = of.users if of.shown is None else of.shown
    return ArmReport(
        arm,
        of.users,
        None if of.shown is None else _proportion(of.shown, of.users),
        _proportion(of.seen, viewers),
        _clicked(of),
        _proportion(of.dismissed, of.seen),
        _reached(of) if has_goal else None,
        None if arm in (CONTROL, SHOWN) else _compared(arm, clicks, counts, _clicked),
        _compared(arm, against, counts, _reached) if has_goal else None,
    )


def _clicked(of: Counts) -> Proportion:
    return _proportion(of.clicked, of.seen)


def _reached(of: Counts) -> Proportion:
    return _proportion(of.reached, of.users)


def _proportion(number: int, of: int) -> Proportion:
    return Proportion(number, of, wilson(number, of))


def _compared(
    arm: str,
    against: str | None,
    counts: Mapping[str, Counts],
    proportion: Callable[[Counts], Proportion],
) -> Difference | None:
    if against is None or arm == against:
        return None
    one, other = proportion(counts[arm]), proportion(counts[against])
    enough = min(one.of, other.of) >= FEW
    return Difference(against, difference(one.interval, other.interval), enough)
