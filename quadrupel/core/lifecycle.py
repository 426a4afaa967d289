"""The lifecycle of a user: erased, and registered again; and which events count meanwhile.

Two types of events are built in. `user.erased` takes away everything known of its user.
`user.registered` with a later time opens the user again. They take effect in the order in which
they arrive, which is the order of their places on the bus: those are the same at every delivery,
so that whatever is delivered again comes to the same again.

What is remembered of them are marks in the fold state, under tags of their own: of the last
erasure for ever, of the last registration until an erasure of a later time.
"""

from collections.abc import Mapping
from datetime import datetime

from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event
from quadrupel.core.marks import NEVER, Mark, event_tag, mark_time
from quadrupel.core.places import Place

ERASED = "user.erased"
REGISTERED = "user.registered"
TYPES = frozenset({ERASED, REGISTERED})

ERASED_TAG = event_tag(ERASED)
REGISTERED_TAG = event_tag(REGISTERED)
ERASED_PLACE_TAG = event_tag(f"{ERASED} arrived")
OPENED_PLACE_TAG = event_tag(f"{REGISTERED} arrived")
TAGS = {
    ERASED_TAG: ERASED,
    REGISTERED_TAG: REGISTERED,
    ERASED_PLACE_TAG: ERASED,
    OPENED_PLACE_TAG: REGISTERED,
}
"""The tags that no attribute can have, and the type of events each is for."""

USER_ERASED = "user-erased"
"""The reason for which an event is refused that an erasure keeps out."""

Marks = Mapping[int, Mark]
"""The marks of a fold state, of which only those under the tags above matter here."""


def is_erased(marks: Marks) -> bool:
    """Whether the user is erased: no registration is later than the last erasure."""
    erased = marks.get(ERASED_TAG)
    return erased is not None and marks.get(REGISTERED_TAG, NEVER)[0] <= erased[0]


def erased_at(marks: Marks) -> datetime | None:
    """The time of the last erasure; None: there was none."""
    return _time(marks.get(ERASED_TAG))


def registered_at(marks: Marks) -> datetime | None:
    """The time of the last registration, if no erasure is later; else None."""
    return _time(marks.get(REGISTERED_TAG))


def is_over(place: Place | None, marks: Marks) -> bool:
    """Whether the event of that place arrived before the last erasure, which took it away."""
    return ERASED_PLACE_TAG in marks and _before(place, marks[ERASED_PLACE_TAG])


def check(event: Event, mark: Mark, place: Place | None, marks: Marks) -> None:
    """Raise EventRefused (`user-erased`) if the event, whose mark is `mark`, does not count.

    Of a user who was erased some time, one counts that is later than the last erasure and either
    came when the user was open, or opens the user. Another erasure always may.
    """
    erased = marks.get(ERASED_TAG)
    if erased is None or event.type == ERASED:
        return
    shut = is_erased(marks) or _before(place, marks.get(OPENED_PLACE_TAG, NEVER))
    if mark[0] <= erased[0] or (shut and event.type != REGISTERED):
        raise EventRefused(
            USER_ERASED,
            f"{event.subject} was erased at {mark_time(erased).isoformat()}; only {REGISTERED} of"
            " a later time opens the user again",
        )


def erase(mark: Mark, place: Place | None, marks: Marks) -> dict[int, Mark] | None:
    """All that is remembered after the erasure with that mark; None: it changes nothing.

    One that is not later than the last is done already. A registration that is later stands.
    """
    if mark[0] <= marks.get(ERASED_TAG, NEVER)[0]:
        return None
    remembered = {ERASED_TAG: mark}
    if place is not None:
        remembered[ERASED_PLACE_TAG] = place.mark()
    registered = marks.get(REGISTERED_TAG, NEVER)
    if registered[0] > mark[0]:
        remembered[REGISTERED_TAG] = registered
    return remembered


def register(mark: Mark, place: Place | None, marks: Marks) -> dict[int, Mark]:
    """What the registration with that mark leaves to remember; nothing if there is a later one."""
    if mark <= marks.get(REGISTERED_TAG, NEVER):
        return {}
    if place is not None and is_erased(marks):
        return {REGISTERED_TAG: mark, OPENED_PLACE_TAG: place.mark()}
    return {REGISTERED_TAG: mark}


def _before(place: Place | None, other: Mark) -> bool:
    """Whether the place comes before another, by offset and time both.

    Offsets start anew in a new topic, and clocks of brokers differ: where the two disagree, an
    event is taken for a later one, so that none is lost.
    """
    if place is None:
        return False
    at, offset, _ = place.mark()
    return offset < other[1] and at <= other[0]


def _time(mark: Mark | None) -> datetime | None:
    return None if mark is None else mark_time(mark)
