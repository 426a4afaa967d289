"""Evaluate: all rules for one user; what they say goes to publish.

Two lanes, each its own loop and consumer, so that a night never delays what a citizen should see
now: changed profiles at once, here; ranges of a run, in `quadrupel.stages.evaluate_ranges`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import sqlalchemy as sa

from quadrupel.bus import codec
from quadrupel.core.errors import InputRefused
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.positions import Cause, latest
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Evaluation
from quadrupel.stages.aside import put_aside
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

NAME = "evaluate"

Evaluator = Callable[[Profile, date, datetime], Evaluation]
"""All rules of a set for one profile on one day; the time is when it was asked."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A rule set: its hash, where its profiles are, and how it is asked."""

    hash: str
    store: ProfileStore
    evaluator: Evaluator


class EvaluateProfiles:
    """Evaluates changed profiles, each as it is now, however often a batch names it."""

    def __init__(
        self,
        engine: sa.Engine,
        rules: Callable[[], Rules],
        today: Callable[[], date],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._today = today
        self._clock = clock

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Return the verdicts of every user named, and dead letters for what names none."""
        asked, dead = self._asked(messages)
        now, rules = self._clock(), self._rules()
        with transaction(self._engine) as connection:
            profiles = rules.store.read_values(connection, list(asked))
        evaluations = []
        for user_id, profile in profiles.items():
            day, cause = asked[user_id]
            evaluations.append(replace(rules.evaluator(profile, day, now), cause=cause))
        return [*map(codec.verdicts, evaluations), *dead]

    def _asked(
        self, messages: Iterable[Message]
    ) -> tuple[dict[str, tuple[date, Cause | None]], list[Outgoing]]:
        """Of each user the day to evaluate on and the latest cause; and dead letters.

        The day is today, or the latest one that was asked for.
        """
        asked: dict[str, tuple[date, Cause | None]] = {}
        dead: list[Outgoing] = []
        today = self._today()
        for message in messages:
            try:
                changed = codec.read_changed_profile(message)
            except InputRefused as error:
                dead.append(put_aside(NAME, message, error))
                continue
            day, cause = asked.get(changed.user_id, (today, None))
            day = max(day, changed.as_of or today)
            asked[changed.user_id] = day, latest(cause, changed.cause)
        return asked, dead
