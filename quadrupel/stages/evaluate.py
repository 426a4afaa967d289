"""Evaluate: all rules for one user; what they say goes to publish.

Two lanes, each its own loop and consumer, so that a night never delays what a citizen should see
now: changed profiles at once, here; ranges of a run, in `quadrupel.stages.evaluate_ranges`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache

import sqlalchemy as sa

from quadrupel.bus import codec
from quadrupel.core.errors import InputRefused
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.positions import Cause, latest
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Evaluation
from quadrupel.stages.aside import put_aside
from quadrupel.store.database import statements
from quadrupel.store.profiles import ProfileStore

NAME = "evaluate"

Evaluator = Callable[[Profile, date, datetime], Evaluation]
"""All rules of a set for one profile on one day; the time is when it was asked."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A rule set: where its profiles are, and how it is asked."""

    store: ProfileStore
    evaluator: Evaluator


class EvaluateProfiles:
    """Evaluates changed profiles, each as it is now, however often a batch names it."""

    def __init__(
        self,
        engine: sa.Engine,
        rules: Callable[[], Rules],
        today: Callable[[str | None], date],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`today` says which day it is in the time zone of that name; None: of users without."""
        self._engine = engine
        self._rules = rules
        self._today = today
        self._clock = clock

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Return the verdicts of every user named, and dead letters for what names none.

        Each user is evaluated on the day it is in its time zone, or the latest one asked for.
        """
        asked, dead = _asked(messages)
        now, rules, today = self._clock(), self._rules(), cache(self._today)
        with statements(self._engine) as connection:
            found = rules.store.read_with_zones(connection, list(asked))
        evaluations = []
        for profile, zone in found:
            as_of, cause = asked[profile.user_id]
            day = max(today(zone), as_of)
            evaluations.append(replace(rules.evaluator(profile, day, now), cause=cause))
        return [*map(codec.verdicts, evaluations), *dead]


def _asked(
    messages: Iterable[Message],
) -> tuple[dict[str, tuple[date, Cause | None]], list[Outgoing]]:
    """Of each user the latest day that was asked for and the latest cause; and dead letters."""
    asked: dict[str, tuple[date, Cause | None]] = {}
    dead: list[Outgoing] = []
    for message in messages:
        try:
            changed = codec.read_changed_profile(message)
        except InputRefused as error:
            dead.append(put_aside(NAME, message, error))
            continue
        day, cause = asked.get(changed.user_id, (date.min, None))
        day = max(day, changed.as_of or date.min)
        asked[changed.user_id] = day, latest(cause, changed.cause)
    return asked, dead
