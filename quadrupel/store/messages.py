"""Messages in Postgres on their way: recorded once, claimed, handed over, settled.

The primary key is what makes a message be sent once: recording it again changes nothing. A claim
moves it to `sending` in a transaction of its own, committed before anything is handed over, and
carries the time at which it lapses. That time is the claim's name: who settles a message must
still hold that very claim. A claim that lapsed was lost in a crash: the message becomes
`unknown`, and is never sent again by itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from quadrupel.core.channels import Settlement
from quadrupel.core.messages import Message, MessageKey, MessageState
from quadrupel.store.database import driver
from quadrupel.store.tables import Timestamp, messages

KEY = tuple(messages.primary_key.columns)

_KEY_NAMES = [column.name for column in KEY]

# What every batch of publish does is plain SQL: SQLAlchemy would build it anew each time.
_RECORD = """
    INSERT INTO messages (
        user_id, origin, episode, channel, template, values, state, attempts, created_at, updated_at
    )
    SELECT row.*, 'pending', 0, %(now)s, %(now)s FROM json_to_recordset(%(rows)s) AS row (
        user_id text, origin text, episode text, channel text, template text, values jsonb
    )
    ON CONFLICT DO NOTHING
"""
_PENDING = """
    SELECT user_id, origin, episode, channel
    FROM messages JOIN json_to_recordset(%s) AS row (
        user_id text, origin text, episode text, channel text
    ) USING (user_id, origin, episode, channel)
    WHERE state = 'pending' ORDER BY user_id, origin, episode, channel
"""
# From one channel to the next by the index: as many messages as there are may wait for each.
_TO_RETRY = """
    WITH RECURSIVE waiting (channel) AS (
        SELECT min(channel) FROM messages WHERE state = 'retry'
        UNION ALL
        SELECT (
            SELECT min(messages.channel) FROM messages
            WHERE state = 'retry' AND messages.channel > waiting.channel
        ) FROM waiting WHERE channel IS NOT NULL
    )
    SELECT channel FROM waiting WHERE channel IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to hand one message over, until `lapses_at`. `attempts` includes this one."""

    message: Message
    attempts: int
    recorded_at: datetime
    lapses_at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a claimed message. `counts`: whether its attempt was one."""

    claim: Claim
    settlement: Settlement
    counts: bool = True


def record(connection: sa.Connection, given: Sequence[Message], now: datetime) -> list[MessageKey]:
    """Record what is not recorded yet; return the keys of those given that are still pending.

    A repeated call returns them again, so that a redelivered batch publishes them again.
    """
    if not given:
        return []
    ordered = sorted(given, key=lambda message: parts(message.key))
    keys = list(dict.fromkeys(message.key for message in ordered))
    rows = [
        {**_columns(each.key), "template": each.template, "values": each.values} for each in ordered
    ]
    raw = driver(connection)
    if raw.execute(_RECORD, {"rows": _document(rows), "now": now}).rowcount == len(keys):
        return keys  # every one is new, so every one is pending
    pending = raw.execute(_PENDING, [_document([_columns(key) for key in keys])])
    return [MessageKey(*row) for row in pending]


def pending_of(connection: sa.Connection, user_ids: Collection[str]) -> list[MessageKey]:
    """The keys of the users' messages that are still pending, in their order."""
    if not user_ids:
        return []
    query = (
        sa.select(*KEY)
        .where(messages.c.user_id.in_(sorted(user_ids)), _in_state(MessageState.PENDING))
        .order_by(*KEY)
    )
    return [MessageKey(*row) for row in connection.execute(query)]


def _columns(key: MessageKey) -> dict[str, Any]:
    return dict(zip(_KEY_NAMES, parts(key), strict=True))


def _document(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


def claim(
    connection: sa.Connection, keys: Sequence[MessageKey], now: datetime, lapses_at: datetime
) -> list[Claim]:
    """Claim those of the messages that are pending; every other one is somebody else's, or done."""
    if not keys:
        return []
    rows = _rows(sorted(set(keys), key=parts))
    pending = sa.select(*KEY).where(_is_one_of(rows), _in_state(MessageState.PENDING))
    return _claim(connection, pending.order_by(*KEY).with_for_update(of=messages), now, lapses_at)


def channels_to_retry(connection: sa.Connection) -> list[str]:
    """The channels that messages wait for, in order, whether they are set up (any more) or not."""
    return [channel for (channel,) in driver(connection).execute(_TO_RETRY)]


def claim_due(
    connection: sa.Connection, channel: str, limit: int, now: datetime, lapses_at: datetime
) -> list[Claim]:
    """Claim up to `limit` messages of the channel whose retry is due, the longest due first."""
    due = (
        sa.select(*KEY)
        .where(
            _in_state(MessageState.RETRY),
            messages.c.channel == channel,
            messages.c.next_attempt_at <= now,
        )
        .order_by(messages.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return _claim(connection, due, now, lapses_at)


def park(
    connection: sa.Connection,
    keys: Sequence[MessageKey],
    reason: str,
    until: datetime,
    now: datetime,
) -> int:
    """Let those of the messages that are pending wait until `until`; returns how many."""
    if not keys:
        return 0
    rows = _rows(sorted(set(keys), key=parts))
    pending = sa.select(*KEY).where(_is_one_of(rows), _in_state(MessageState.PENDING))
    mine = pending.order_by(*KEY).with_for_update(of=messages).cte("mine")
    parked = (
        sa.update(messages)
        .where(*(column == mine.c[column.name] for column in KEY))
        .values(state=MessageState.RETRY.value, error=reason, next_attempt_at=until, updated_at=now)
    )
    return connection.execute(parked).rowcount


def settle(connection: sa.Connection, settled: Sequence[Settled], now: datetime) -> int:
    """Write what became of claimed messages; returns how many of the claims were still held.

    A claim that lapsed meanwhile is held until an operator decides about the message.
    """
    if not settled:
        return 0
    ordered = sorted(settled, key=lambda each: parts(each.claim.message.key))
    rows = _rows(
        [each.claim.message.key for each in ordered],
        lapses_at=(Timestamp, [each.claim.lapses_at for each in ordered]),
        attempts=(sa.Integer, [each.claim.attempts - (not each.counts) for each in ordered]),
        state=(sa.Text, [each.settlement.state.value for each in ordered]),
        error=(sa.Text, [each.settlement.error for each in ordered]),
        next_attempt_at=(Timestamp, [each.settlement.next_attempt_at for each in ordered]),
    )
    held = (
        _in_state(MessageState.SENDING, MessageState.UNKNOWN),
        messages.c.next_attempt_at == rows.c.lapses_at,
    )
    written = (
        sa.update(messages)
        .where(*(column == rows.c[column.name] for column in KEY), *held)
        .values(
            state=rows.c.state,
            attempts=rows.c.attempts,
            error=rows.c.error,
            next_attempt_at=rows.c.next_attempt_at,
            updated_at=now,
        )
    )
    return connection.execute(written).rowcount


def lapse(connection: sa.Connection, now: datetime) -> list[MessageKey]:
    """Turn every message whose claim lapsed into `unknown`, and return their keys."""
    lapsed = (
        sa.select(*KEY)
        .where(_in_state(MessageState.SENDING), messages.c.next_attempt_at <= now)
        .with_for_update(skip_locked=True)
        .cte("lapsed")
    )
    unknown = (
        sa.update(messages)
        .where(*(column == lapsed.c[column.name] for column in KEY))
        .values(
            state=MessageState.UNKNOWN.value,
            error="the worker that was sending it disappeared; it may have been sent",
            updated_at=now,
        )
        .returning(*KEY)
    )
    return [MessageKey(*row) for row in connection.execute(unknown)]


def parts(key: MessageKey) -> tuple[str, str, str, str]:
    """The key as the columns of the primary key, which is also the order of locking."""
    return key.user_id, key.origin, key.episode, key.channel


def _claim(
    connection: sa.Connection, chosen: sa.Select[Any], now: datetime, lapses_at: datetime
) -> list[Claim]:
    mine = chosen.cte("mine")
    claimed = (
        sa.update(messages)
        .where(*(column == mine.c[column.name] for column in KEY))
        .values(
            state=MessageState.SENDING.value,
            attempts=messages.c.attempts + 1,
            error=None,
            next_attempt_at=lapses_at,
            updated_at=now,
        )
        .returning(
            *KEY,
            messages.c.template,
            messages.c["values"],
            messages.c.attempts,
            messages.c.created_at,
        )
    )
    return [
        Claim(Message(MessageKey(*key), template, values), attempts, recorded_at, lapses_at)
        for *key, template, values, attempts, recorded_at in connection.execute(claimed)
    ]


def _in_state(*states: MessageState) -> sa.ColumnElement[bool]:
    return messages.c.state.in_(sa.literal_column(f"'{state.value}'") for state in states)


def _is_one_of(rows: sa.TableValuedAlias) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == rows.c[column.name] for column in KEY))


def _rows(keys: Sequence[MessageKey], **more: tuple[Any, Iterable[Any]]) -> sa.TableValuedAlias:
    """Keys and further columns as a table of the query: one array per column, however many rows."""
    columns: dict[str, tuple[Any, Iterable[Any]]] = {
        column.name: (sa.Text, values)
        for column, values in zip(KEY, zip(*map(parts, keys), strict=True), strict=True)
    }
    columns |= more
    arrays = [sa.literal(list(values), ARRAY(type_)) for type_, values in columns.values()]
    typed = [sa.column(name, type_) for name, (type_, _) in columns.items()]
    return sa.func.unnest(*arrays).table_valued(*typed, name="given").render_derived()
