"""Guards: when a rule is held, so that its changes wait for an operator.

A rule is tried on a sample of all users before anything it says is shown or sent: when its verdicts
change, and before every run. What it does there is judged by what it may do and what it usually
does. Publish treats a held rule like one that erred: it neither opens nor closes a match, sends
nothing, and touches no other rule.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from quadrupel.core.verdicts import Evaluation

MAX_ERROR_RATIO = 0.001
"""Of so large a part of the users a rule may err, once it was tried without an error."""
TIMES_SLOWER = 10
LEAST_SECONDS = 0.02
"""A rule that took less for a whole trial is never held for its time."""
TIMES_MORE = 20
LEAST_MATCHED = 20
"""A rule that matches fewer users of a sample is never held for their number."""
LEAST_USERS = 1_000
"""Fewer users do not tell what part of them a rule matches, or what it costs."""
ACCEPTED_TIMES = 2
"""What an operator accepted may grow so many times before the rule is held again."""


class Reason(StrEnum):
    """Why a rule is held."""

    ERRORS = "errors"
    RATIO = "ratio"
    NUMBER = "number"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Trial:
    """What one rule did to some users: on how many it matched and erred, and seconds it took."""

    users: int
    matched: int = 0
    errors: int = 0
    seconds: float = 0.0

    @property
    def ratio(self) -> float:
        """The part of the users it matched."""
        return self.matched / self.users if self.users else 0.0

    @property
    def error_ratio(self) -> float:
        """The part of the users it erred on."""
        return self.errors / self.users if self.users else 0.0

    @property
    def seconds_per_user(self) -> float:
        """Seconds it took for a user."""
        return self.seconds / self.users if self.users else 0.0


NOTHING_ACCEPTED = Trial(0)


@dataclass(frozen=True, slots=True)
class Usual:
    """What a rule usually does: the part of the users it matches, seconds for a user."""

    ratio: float
    seconds_per_user: float


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a rule is to be held, and that in a sentence without its subject, for operators."""

    reason: Reason
    said: str


def judge(
    trial: Trial,
    usual: Usual | None,
    max_match_ratio: float | None = None,
    *,
    is_new: bool = False,
    accepted: Trial = NOTHING_ACCEPTED,
) -> Objection | None:
    """What is to be objected to in a trial, None if nothing is.

    `usual` is None where the rule was never tried; `is_new` says that its verdicts changed since:
    then no error is tolerated. `accepted` is the trial after which an operator released the rule.
    """
    return (
        _errors(trial, accepted, is_new=is_new)
        or _ratio(trial, max_match_ratio, accepted)
        or _number(trial, usual, accepted)
        or _time(trial, usual, accepted)
    )


def withheld(evaluation: Evaluation, held: Collection[str]) -> Evaluation:
    """The evaluation as if the held rules had erred."""
    if not held:
        return evaluation
    matches = tuple([each for each in evaluation.matches if each.rule not in held])
    errors = tuple(sorted({*evaluation.errors, *held}))
    return replace(evaluation, matches=matches, errors=errors)


def _errors(trial: Trial, accepted: Trial, *, is_new: bool) -> Objection | None:
    tolerated = max(0 if is_new else MAX_ERROR_RATIO, ACCEPTED_TIMES * accepted.error_ratio)
    if trial.errors <= tolerated * trial.users:
        return None
    return Objection(Reason.ERRORS, f"errs on {trial.errors:,} of {trial.users:,} users")


def _ratio(trial: Trial, most: float | None, accepted: Trial) -> Objection | None:
    if most is None or not _matches_more(trial, most, accepted):
        return None
    said = f"matches {trial.ratio:.2%} of the users, its max_match_ratio is {most:.2%}"
    return Objection(Reason.RATIO, said)


def _number(trial: Trial, usual: Usual | None, accepted: Trial) -> Objection | None:
    if usual is None or trial.matched < LEAST_MATCHED:
        return None
    if not _matches_more(trial, TIMES_MORE * usual.ratio, accepted):
        return None
    said = f"matches {trial.ratio:.2%} of the users, usually {usual.ratio:.2%}"
    return Objection(Reason.NUMBER, said)


def _matches_more(trial: Trial, most: float, accepted: Trial) -> bool:
    """Whether the rule matches more than this part of the users, and than what was accepted."""
    tolerated = max(most, ACCEPTED_TIMES * accepted.ratio)
    return trial.users >= LEAST_USERS and trial.ratio > tolerated


def _time(trial: Trial, usual: Usual | None, accepted: Trial) -> Objection | None:
    if usual is None or trial.users < LEAST_USERS or trial.seconds < LEAST_SECONDS:
        return None
    most = TIMES_SLOWER * usual.seconds_per_user
    if trial.seconds_per_user <= max(most, ACCEPTED_TIMES * accepted.seconds_per_user):
        return None
    takes, usually = trial.seconds_per_user * 1e6, usual.seconds_per_user * 1e6
    said = f"takes {takes:.2f} microseconds a user, usually {usually:.2f}"
    return Objection(Reason.TIME, said)
