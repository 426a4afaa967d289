"""The fan-out of a mailing: its audience becomes recorded messages on the bus, at a set rate.

Each chunk is recorded, published, and then the cursor is moved. A process that dies between
repeats its last chunk when it goes on: the messages are recorded already, so nobody gets two.
Pausing, cancelling and another rate are seen before each chunk, that is within a second.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from quadrupel.bus import message_codec
from quadrupel.core.errors import Conflict
from quadrupel.core.mailings import EPISODE, Mailing, MailingPace, MailingState
from quadrupel.core.messages import Message, MessageKey
from quadrupel.core.ports import Producer
from quadrupel.stages.audience import Page, Pages, Recipient
from quadrupel.store import erasure, mailings, message_desk, messages
from quadrupel.store.database import transaction

CANCEL_CHUNK = 5_000

Wait = Callable[[float], bool]
"""Wait so many seconds, or less if asked to stop; whether to stop."""


def send(
    engine: sa.Engine,
    producer: Producer,
    mailing: Mailing,
    pages: Pages,
    clock: Callable[[], datetime],
    wait: Wait,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> MailingState:
    """Queue the messages of a mailing that is in `sending`, from its cursor to its end.

    Returns done, or how it was stopped: paused (also when `wait` said so) or cancelled. Raises
    Unavailable; calling again goes on. `on_progress` is told of users looked at and messages
    queued. Blocks.
    """
    pace = MailingPace(mailing.rate, time.monotonic())
    for page in pages(mailing.cursor):
        for last, chunk in _chunks(page, pace):
            state, rate = _queue(engine, producer, mailing, chunk, last, clock)
            if state is not MailingState.SENDING:
                return state
            on_progress(page.looked_at if last == page.last else 0, len(chunk))
            seconds = pace.wait(len(chunk), time.monotonic())
            pace.rate = rate  # for the next chunk: this one has the size for a second of before
            if wait(seconds):
                return _end(engine, mailing, MailingState.PAUSED, clock())
    return _end(engine, mailing, MailingState.DONE, clock())


def cancel(engine: sa.Engine, name: str, clock: Callable[[], datetime]) -> int:
    """Cancel a mailing and take back what waits to be sent; returns how many messages that was."""
    with transaction(engine) as connection:
        present = mailings.get(connection, name)
        if present.state is not MailingState.CANCELLED:
            mailings.move(connection, name, list(MailingState), MailingState.CANCELLED, clock())
    total, last = 0, None
    while True:
        with transaction(engine) as connection:
            keys = message_desk.cancel(connection, present.origin, CANCEL_CHUNK, clock(), last)
        total += len(keys)
        if len(keys) < CANCEL_CHUNK:
            return total
        last = keys[-1]


def _chunks(page: Page, pace: MailingPace) -> Iterator[tuple[str, Sequence[Recipient]]]:
    """The recipients of a page, a chunk at a time, each with the user up to whom it goes."""
    done = 0
    while done < len(page.recipients):
        chunk = page.recipients[done : done + pace.chunk]
        done += len(chunk)
        yield page.last if done == len(page.recipients) else chunk[-1].user_id, chunk
    if not page.recipients:
        yield page.last, ()


def _queue(
    engine: sa.Engine,
    producer: Producer,
    mailing: Mailing,
    chunk: Sequence[Recipient],
    last: str,
    clock: Callable[[], datetime],
) -> tuple[MailingState, int]:
    """Queue a chunk if the mailing is in `sending`; its state and its rate, as they are now."""
    with transaction(engine) as connection:
        state, rate = mailings.hold(connection, mailing.name)
        if state is not MailingState.SENDING:
            return state, rate
        gone = _erased(connection, mailing, [each.user_id for each in chunk])
        given = [_message(mailing, each) for each in chunk if each.user_id not in gone]
        due = messages.record(connection, given, clock())
    producer.publish([message_codec.outgoing(key) for key in due])
    with transaction(engine) as connection:
        mailings.advance(connection, mailing.name, last, len(given), clock())
    return state, rate


def _erased(connection: sa.Connection, mailing: Mailing, users: Sequence[str]) -> set[str]:
    """Those of the users who are erased; no other is until the transaction ends."""
    gone = erasure.erased_of(connection, users, hold=True)
    if mailing.audience.users:  # who may have no profile: an erasure takes them off the list first
        gone |= set(users) - mailings.hold_users(connection, mailing.name, users)
    return gone


def _message(mailing: Mailing, recipient: Recipient) -> Message:
    key = MessageKey(recipient.user_id, mailing.origin, EPISODE, mailing.channel)
    return Message(key, mailing.template, recipient.values)


def _end(engine: sa.Engine, mailing: Mailing, state: MailingState, now: datetime) -> MailingState:
    """Bring the mailing to its end, unless somebody else decided otherwise meanwhile."""
    with transaction(engine) as connection:
        try:
            return mailings.move(connection, mailing.name, [MailingState.SENDING], state, now).state
        except Conflict:
            return mailings.get(connection, mailing.name).state
