"""The operator's desk: look at messages, and decide about those that wait for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from quadrupel.core.errors import NotFound
from quadrupel.core.messages import Message, MessageKey, MessageState
from quadrupel.store.messages import KEY, parts
from quadrupel.store.tables import messages

RESENDABLE = (
    MessageState.UNKNOWN,
    MessageState.FAILED,
    MessageState.SUPPRESSED,
    MessageState.PENDING,
)
"""What an operator may send (again): pending is for a bus that lost its topic."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as it stands. `next_attempt_at` is set for a retry only."""

    message: Message
    state: MessageState
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    recorded_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages; a part that is None takes any."""

    state: MessageState | None = None
    origin: str | None = None
    user_id: str | None = None


def find(connection: sa.Connection, wanted: Filter, limit: int | None) -> list[Entry]:
    """Up to `limit` messages, or all of them, in the order of their keys."""
    query = sa.select(messages).where(_matching(wanted)).order_by(*KEY).limit(limit)
    return [_entry(row) for row in connection.execute(query).mappings()]


def get(connection: sa.Connection, key: MessageKey) -> Entry:
    """One message; NotFound if there is none with this key."""
    row = connection.execute(sa.select(messages).where(_one(key))).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no message {'/'.join(parts(key))}; `quadrupel messages list` lists them")
    return _entry(row)


def count_by_state(connection: sa.Connection, wanted: Filter) -> dict[MessageState, int]:
    """How many messages there are in each state that has any."""
    query = sa.select(messages.c.state, sa.func.count()).where(_matching(wanted))
    rows = connection.execute(query.group_by(messages.c.state).order_by(messages.c.state))
    return {MessageState(state): count for state, count in rows}


def send_again(
    connection: sa.Connection,
    wanted: Filter | MessageKey,
    limit: int,
    now: datetime,
    after: MessageKey | None = None,
) -> list[MessageKey]:
    """Make up to `limit` messages pending, with all their attempts before them; returns their keys.

    Only those in a state of RESENDABLE; what is pending already only if it was touched before
    `now`, so that calling again with the same `now` comes to an end. The caller publishes the
    keys after the commit, and gives the last one as `after` to go on behind it.
    """
    return _move(connection, wanted, RESENDABLE, MessageState.PENDING, limit, now, after)


def decide(
    connection: sa.Connection,
    wanted: Filter | MessageKey,
    state: MessageState,
    limit: int,
    now: datetime,
    after: MessageKey | None = None,
) -> list[MessageKey]:
    """Settle up to `limit` unknown messages as `state` (sent or failed); returns their keys.

    The last of them, given as `after`, says where to go on.
    """
    return _move(connection, wanted, (MessageState.UNKNOWN,), state, limit, now, after)


def cancel(
    connection: sa.Connection,
    origin: str,
    limit: int,
    now: datetime,
    after: MessageKey | None = None,
) -> list[MessageKey]:
    """Cancel up to `limit` messages of the origin that wait to be sent; returns their keys.

    The last of them, given as `after`, says where to go on.
    """
    waiting = (MessageState.PENDING, MessageState.RETRY)
    wanted = Filter(origin=origin)
    return _move(connection, wanted, waiting, MessageState.CANCELLED, limit, now, after)


def _move(
    connection: sa.Connection,
    wanted: Filter | MessageKey,
    states: Sequence[MessageState],
    to: MessageState,
    limit: int,
    now: datetime,
    after: MessageKey | None,
) -> list[MessageKey]:
    which = _one(wanted) if isinstance(wanted, MessageKey) else _matching(wanted)
    if after is not None:  # else every chunk would look again at all that were moved before it
        which &= sa.tuple_(*KEY) > sa.tuple_(*parts(after))
    if to in states:
        which &= sa.or_(messages.c.state != to.value, messages.c.updated_at < now)
    chosen = (
        sa.select(*KEY)
        .where(which, messages.c.state.in_([state.value for state in states]))
        .order_by(*KEY)
        .limit(limit)
        .with_for_update()
        .cte("chosen")
    )
    values: dict[str, Any] = {"state": to.value, "next_attempt_at": None, "updated_at": now}
    if to is MessageState.PENDING:
        values |= {"attempts": 0, "error": None}
    moved = (
        sa.update(messages)
        .where(*(column == chosen.c[column.name] for column in KEY))
        .values(values)
        .returning(*KEY)
    )
    return sorted((MessageKey(*row) for row in connection.execute(moved)), key=parts)


def _matching(wanted: Filter) -> sa.ColumnElement[bool]:
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    if wanted.state is not None:
        conditions.append(messages.c.state == sa.literal_column(f"'{wanted.state.value}'"))
    if wanted.user_id is not None:
        conditions.append(messages.c.user_id == wanted.user_id)
    if wanted.origin is not None:
        conditions.append(messages.c.origin == wanted.origin)
        if wanted.origin.startswith("mailing:"):
            # What the partial index messages_of_mailings is defined by.
            conditions.append(sa.func.starts_with(messages.c.origin, sa.text("'mailing:'")))
    return sa.and_(*conditions)


def _one(key: MessageKey) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == part for column, part in zip(KEY, parts(key), strict=True)))


def _entry(row: sa.RowMapping) -> Entry:
    state = MessageState(row["state"])
    return Entry(
        Message(MessageKey(*(row[column.name] for column in KEY)), row["template"], row["values"]),
        state,
        row["attempts"],
        row["next_attempt_at"] if state is MessageState.RETRY else None,
        row["error"],
        row["created_at"],
        row["updated_at"],
    )
