"""The limit of feedback: no citizen fills the table, whatever banners and episodes are made up.

What is beyond it is left out before the fold, as if it had never come: a dead letter for each would
let one citizen fill those, and halt ingest for all.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa
import structlog

from quadrupel.core.errors import EventRefused
from quadrupel.core.feedback import TYPES, Episode, Given, beyond_limit, read_feedback
from quadrupel.core.ports import Message
from quadrupel.core.profiles import Arrival
from quadrupel.store import banner_feedback
from quadrupel.telemetry import BANNER_FEEDBACK_IGNORED

Carried = tuple[Message, Arrival]

log = structlog.get_logger()


def within_limit(
    connection: sa.Connection,
    events: Mapping[str, Sequence[Carried]],
    givers: Collection[str],
) -> dict[str, Sequence[Carried]]:
    """The events by user without the feedback for which there is no room. `givers` have some."""
    known = banner_feedback.episodes(connection, sorted(givers))
    kept = dict(events)
    for user_id in givers:
        beyond = beyond_limit(_given(events[user_id]), known.get(user_id, ()))
        if beyond:
            kept[user_id] = [each for each in events[user_id] if _episode(each) not in beyond]
            ignored = len(events[user_id]) - len(kept[user_id])
            BANNER_FEEDBACK_IGNORED.inc(ignored)
            log.warning("feedback ignored, the user gave too much", user=user_id, events=ignored)
    return kept


def _given(sent: Iterable[Carried]) -> list[Given]:
    return [given for each in sent if (given := _read(each)) is not None]


def _episode(carried: Carried) -> Episode | None:
    given = _read(carried)
    return None if given is None else given.of


def _read(carried: Carried) -> Given | None:
    """What an event tells, if it is feedback and right; the fold says what is wrong with it."""
    event = carried[1].event
    if event.type not in TYPES:
        return None
    try:
        return read_feedback(event)
    except EventRefused:
        return None
