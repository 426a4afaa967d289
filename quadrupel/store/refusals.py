"""What citizens refuse, in Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.refusals import Refusal, Wishes
from quadrupel.store import contacts
from quadrupel.store.tables import refusals


def find(connection: sa.Connection, user_ids: Sequence[str]) -> list[Refusal]:
    """Every refusal of those users, sorted."""
    query = (
        sa.select(refusals)
        .where(refusals.c.user_id == sa.func.any(list(user_ids)))
        .order_by(refusals.c.user_id, refusals.c.channel, refusals.c.kind)
    )
    return [Refusal(*row) for row in connection.execute(query)]


def kinds(found: Iterable[Refusal], channel: str) -> Mapping[str, frozenset[str]]:
    """The kinds that are refused for the channel, by user."""
    by_user: dict[str, frozenset[str]] = {}
    for each in found:
        if each.channel == channel:
            by_user[each.user_id] = by_user.get(each.user_id, frozenset()) | {each.kind}
    return by_user


def wishes(connection: sa.Connection, user_id: str, channel: str) -> Wishes:
    """What one user refuses through the channel, and the language of the user's contact."""
    contact = contacts.find(connection, [user_id]).get(user_id)
    refused = kinds(find(connection, [user_id]), channel).get(user_id, frozenset())
    return Wishes(refused, contact.language if contact else None)


def remember(
    connection: sa.Connection, user_id: str, channel: str, kind: str, now: datetime
) -> bool:
    """Remember a refusal; whether it is news.

    Of a user who has no contact (any more) nothing is remembered: nothing is sent there, and an
    old link brings back nothing of who was erased.
    """
    if not contacts.hold(connection, [user_id]):
        return False
    values = {"user_id": user_id, "channel": channel, "kind": kind, "created_at": now}
    statement = insert(refusals).values(values).on_conflict_do_nothing()
    return connection.execute(statement.returning(refusals.c.kind)).first() is not None


def withdraw(connection: sa.Connection, user_id: str, channel: str, kind: str) -> bool:
    """Forget a refusal; whether there was one."""
    return _forget(
        connection,
        refusals.c.user_id == user_id,
        refusals.c.channel == channel,
        refusals.c.kind == kind,
    )


def choose(
    connection: sa.Connection,
    user_id: str,
    channel: str,
    kind: str,
    now: datetime,
    *,
    refuse: bool,
) -> Wishes:
    """Let the user refuse a kind or want it again; returns what is refused then.

    Who has no contact is told the same as anybody: nothing is sent there.
    """
    if not refuse:
        withdraw(connection, user_id, channel, kind)
        return wishes(connection, user_id, channel)
    remember(connection, user_id, channel, kind, now)
    found = wishes(connection, user_id, channel)
    return replace(found, refused=found.refused | {kind})


def forget(connection: sa.Connection, user_id: str) -> bool:
    """Forget all that the user refused; whether there was anything."""
    return _forget(connection, refusals.c.user_id == user_id)


def _forget(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> bool:
    return connection.execute(sa.delete(refusals).where(*conditions)).rowcount > 0
