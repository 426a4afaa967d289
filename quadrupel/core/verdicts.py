"""What a rule set says of one user on one day, and what of it travels to publish."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from quadrupel.core.positions import Cause


class Verdict(StrEnum):
    """A rule's answer: match, no match, unknown (an input is missing), or error."""

    MATCH = "match"
    NO_MATCH = "no_match"
    UNKNOWN = "unknown"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A rule that holds for the user.

    `once_per` is the text form of the attribute that names the episode; None, or empty, where the
    days do. `values` are the attribute values the rule's texts show, in the text
    forms of `quadrupel.core.values`.
    """

    rule: str
    once_per: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All verdicts of one user on one day.

    Its place in the order of evaluations is (`profile_version`, `as_of`, `evaluated_at`).
    `matches` are in the order of rule ids; `errors` are rule ids; every other rule of the set does
    not match, or what it asks for is unknown, which publish treats alike. `rule_set` is the hash of
    the rules that were asked. `cause` is the event it follows from; one of a run has none. `due_on`
    is the first day on which one of the verdicts can change though the profile does not; None where
    nobody worked it out.
    """

    user_id: str
    profile_version: int
    as_of: date
    evaluated_at: datetime
    rule_set: str
    matches: tuple[RuleMatch, ...]
    errors: tuple[str, ...] = ()
    cause: Cause | None = None
    due_on: date | None = None

    @property
    def due(self) -> date:
        """The day on which a night must evaluate the user: the next one where that is not known."""
        return self.due_on or day_after(self.as_of)


NEVER_DUE = date.max
"""The deadline of verdicts that hold for ever."""


def day_after(day: date) -> date:
    """The next day; the last day of the calendar has none."""
    return day if day == date.max else day + timedelta(days=1)
