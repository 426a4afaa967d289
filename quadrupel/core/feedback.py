"""Feedback: that a citizen saw, clicked or dismissed a banner; an event like any other.

It is the citizen's own, so its events have a source and types that no other system may use. What
was done with the banner of an episode on a day is one event, however often it is told: the same
user, banner, episode, action and day make the same event, whoever makes it. Nothing in it is older
than the fold remembers events that add up, so a repetition never counts.

What publish needs of it is kept beside the profile (`quadrupel.store.banner_feedback`), whatever
the analysts declare: `Given` is what a profile's fold hands over for that.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event

SOURCE = "/quadrupel/feedback"
"""The source of all feedback, and of nothing else."""

MAX_BANNER = 64
MAX_EPISODE = 256
MAX_AGE = timedelta(days=6)
"""How old feedback may be when it comes: one day less than the days of duplicates, since a clock
may be ahead."""

MAX_EPISODES = 1_000
"""Of how many episodes feedback of one user is kept: nobody is shown so many in a lifetime."""


class Action(StrEnum):
    """What a citizen did with a banner."""

    SEEN = "seen"
    CLICKED = "clicked"
    DISMISSED = "dismissed"


TYPES = {f"banner.{action}": action for action in Action}
"""The types of the events, and the action that each tells."""

DISMISSED = "banner.dismissed"


Episode = tuple[str, str]
"""A rule, and one of its episodes."""


@dataclass(frozen=True, slots=True)
class Given:
    """One action of a user with the banner of a rule in an episode; `time` is aware."""

    rule: str
    episode: str
    action: Action
    time: datetime

    @property
    def of(self) -> Episode:
        """The episode whose banner it is about."""
        return self.rule, self.episode


def feedback_event(user_id: str, given: Given) -> Event:
    """The event that tells of it."""
    time = given.time.astimezone(UTC)
    parts = (user_id, given.action.value, given.rule, given.episode, time.date().isoformat())
    digest = blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
    data = {"banner": given.rule, "episode": given.episode}
    return Event(digest, SOURCE, f"banner.{given.action}", user_id, time, data)


def read_feedback(event: Event) -> Given:
    """What an event of one of `TYPES` tells.

    Raises EventRefused: `reserved` if it has another source, `wrong-type` for its data.
    """
    if event.source != SOURCE:
        raise _reserved()
    rule = _member(event, "banner", MAX_BANNER)
    return Given(rule, _member(event, "episode", MAX_EPISODE), TYPES[event.type], event.time)


def check_outside(event: Event) -> None:
    """Raise EventRefused (`reserved`) for an event that other systems may not send."""
    if event.source == SOURCE or event.type in TYPES:
        raise _reserved()


def check_age(event: Event, now: datetime) -> None:
    """Raise EventRefused (`too-old`) for feedback that comes too late."""
    if event.time < now - MAX_AGE:
        raise EventRefused(
            "too-old",
            f"time is more than {MAX_AGE.days} days before the feedback came; without time it is"
            " that of its arrival",
        )


def beyond_limit(given: Iterable[Given], known: Collection[Episode]) -> set[Episode]:
    """The episodes that do not fit any more beside those of which feedback is kept already.

    What happened first fits first.
    """
    kept, beyond = set(known), set[Episode]()
    for each in sorted(given, key=lambda each: (each.time, each.of)):
        if each.of in kept or len(kept) < MAX_EPISODES:
            kept.add(each.of)
        else:
            beyond.add(each.of)
    return beyond


def _member(event: Event, name: str, limit: int) -> str:
    value = event.data.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        raise EventRefused("wrong-type", f"{name} must be a text of 1 to {limit} characters")
    return value


def _reserved() -> EventRefused:
    return EventRefused(
        "reserved",
        f"{', '.join(TYPES)} and the source {SOURCE} are kept for what citizens themselves tell"
        " by POST /v1/me/banners/feedback",
    )
