"""Saving all but what the database refuses: halve what was refused until it is one event.

The database refuses a transaction as a whole and rarely says which of its values was wrong. With
one bad event among n users that costs about 2 log2 n transactions; without one, a single one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from quadrupel.core.errors import DatabaseRefused

Event = TypeVar("Event")
Saved = TypeVar("Saved")


@dataclass(frozen=True, slots=True)
class Unsaved(Generic[Event]):
    """An event that the database refused."""

    event: Event
    refusal: DatabaseRefused


def save_all(
    events: Mapping[str, Sequence[Event]],
    save: Callable[[Mapping[str, Sequence[Event]]], Saved],
    keep_alive: Callable[[], None],
) -> Iterator[Saved | Unsaved[Event]]:
    """Save events by user in one transaction, or in as many as it takes; `save` does one.

    Yields what `save` returned for each part that was saved, and each event that was refused.
    Other errors of `save` pass: parts that were saved stay so. `keep_alive` is called in between.
    """
    waiting = [events]
    while waiting:
        part = waiting.pop()
        try:
            saved = save(part)
        except DatabaseRefused as refusal:
            halves = _halves(part)
            if not halves:
                [[event]] = part.values()
                yield Unsaved(event, refusal)
            waiting += reversed(halves)
            keep_alive()
        else:
            yield saved


def _halves(events: Mapping[str, Sequence[Event]]) -> list[Mapping[str, Sequence[Event]]]:
    """Two halves of the users, or of the events of the only one; none of a single event."""
    if len(events) > 1:
        users = sorted(events)
        middle = len(users) // 2
        return [{user: events[user] for user in half} for half in (users[:middle], users[middle:])]
    [(user, sent)] = events.items()
    if len(sent) > 1:
        middle = len(sent) // 2
        return [{user: sent[:middle]}, {user: sent[middle:]}]
    return []
