"""Changes between two rule sets: which rules, in what, and which users gain or lose by it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import polars as pl

from quadrupel.core.offers import Offer
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import CODES, ColumnarReading
from quadrupel.rules.offered import offers
from quadrupel.rules.preview import united
from quadrupel.rules.rule import Rule
from quadrupel.rules.tally import USER_ID, Tally

_REACHING = frozenset(("shadow", "share", "control"))
_WEIGHED = _REACHING | {
    *("banner", "placement", "priority", "exclusive", "story", "must_show", "dismiss_for")
}
_NOT_COMPARED = {"id", "path", "predicate", "identity", "shown", "examples"}


class How(StrEnum):
    """How a rule differs: it came, it went, its condition did, or only what stands around that."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    EDITED = "edited"


@dataclass(frozen=True, slots=True)
class Change:
    """One rule that differs. `what` names the parts that do, without the condition."""

    rule: str
    how: How
    what: tuple[str, ...] = ()

    @property
    def can_move_users(self) -> bool:
        """Whether somebody can gain or lose by it: texts and the like move nobody."""
        return self.how is not How.EDITED or not _REACHING.isdisjoint(self.what)

    @property
    def decides_anew(self) -> bool:
        """Whether the next run decides the sets anew of those whom the rule matches."""
        return self.how is not How.EDITED or not _WEIGHED.isdisjoint(self.what)


@dataclass(frozen=True, slots=True)
class PlacementChange:
    """One placement that differs, and in what."""

    placement: str
    how: How
    what: tuple[str, ...] = ()

    @property
    def decides_anew(self) -> bool:
        """Whether the next run decides the sets anew of those whom one of its rules matches."""
        return "limit" in self.what


def changes(old: RuleSet, new: RuleSet) -> list[Change]:
    """The rules that differ, in the order of ids."""
    found = []
    for rule_id in sorted(old.rules.keys() | new.rules.keys()):
        before, after = old.rules.get(rule_id), new.rules.get(rule_id)
        if before is None or after is None:
            found.append(Change(rule_id, How.ADDED if before is None else How.REMOVED))
            continue
        what = tuple(_differing(before, after))
        if before.identity != after.identity:
            found.append(Change(rule_id, How.CHANGED, what))
        elif what:
            found.append(Change(rule_id, How.EDITED, what))
    return found


def placement_changes(old: RuleSet, new: RuleSet) -> list[PlacementChange]:
    """The placements that differ, in the order of names."""
    found = []
    for name in sorted(old.placements.keys() | new.placements.keys()):
        before, after = old.placements.get(name), new.placements.get(name)
        if before is None or after is None:
            found.append(PlacementChange(name, How.ADDED if before is None else How.REMOVED))
        elif before != after:
            what = {
                "doc": before.doc != after.doc,
                "limit": before.limits != after.limits,
                "fallback": before.fallback != after.fallback,
            }
            differing = tuple([part for part, differs in what.items() if differs])
            found.append(PlacementChange(name, How.EDITED, differing))
    return found


class Comparison:
    """Who gains and who loses what, of the users that are added frame by frame.

    A user gains a rule's banner or message where the new rule matches and reaches the user, and the
    old one did not; and loses it the other way round. A rule in shadow reaches nobody, a share
    those who are in it, a control group is not reached. Whether a banner finds a place is not read.
    """

    def __init__(self, old: RuleSet, new: RuleSet, today: date, sample: int) -> None:
        moving = {change.rule for change in changes(old, new) if change.can_move_users}
        self.old, self.new, self.today = old, new, today
        self._old, self._new = (_reading(each, moving) for each in (old, new))
        self._offers = [offers(each).offers for each in (old, new)]
        self.columns = united(self._old.columns, self._new.columns)
        self.gained: Mapping[str, Tally] = {rule: Tally(today, sample) for rule in sorted(moving)}
        self.lost: Mapping[str, Tally] = {rule: Tally(today, sample) for rule in sorted(moving)}

    def add(self, users: pl.DataFrame) -> None:
        """Read both rule sets for the users of a frame."""
        verdicts = [each.evaluate(users, self.today) for each in (self._old, self._new)]
        for rule in self.gained:
            had, has = (
                _reached(users, each, offered.get(rule))
                for each, offered in zip(verdicts, self._offers, strict=True)
            )
            self.gained[rule].add(users.filter(has & had.not_()))
            self.lost[rule].add(users.filter(had & has.not_()))


def _reading(rule_set: RuleSet, ids: set[str]) -> ColumnarReading:
    rules = {rule_id: rule for rule_id, rule in rule_set.rules.items() if rule_id in ids}
    return ColumnarReading(dataclasses.replace(rule_set, rules=rules))


def _reached(users: pl.DataFrame, verdicts: pl.DataFrame, offer: Offer | None) -> pl.Series:
    """Which users a rule matches and reaches; none if there is no such rule."""
    if offer is None:
        return pl.Series([False]).new_from_index(0, users.height)
    matching = users[USER_ID].filter(verdicts[offer.rule] == CODES[Verdict.MATCH])
    return users[USER_ID].is_in([user for user in matching if offer.reaches(user)])


def _differing(before: Rule, after: Rule) -> list[str]:
    """The names of what differs beside the condition; of a banner, its parts."""
    names = []
    for field in dataclasses.fields(Rule):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name in _NOT_COMPARED or old == new:
            continue
        if field.name == "banner" and old is not None and new is not None:
            parts = (part.name for part in dataclasses.fields(old))
            names += [name for name in parts if getattr(old, name) != getattr(new, name)]
        else:
            names.append(field.name)
    if _examples(before) != _examples(after):
        names.append("examples")
    return names


def _examples(rule: Rule) -> list[object]:
    return [(each.verdict, each.today, each.values) for each in rule.examples]
