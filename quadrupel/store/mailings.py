"""Mailings in Postgres: what was planned, how far it is, and its list of users if it has one."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

import psycopg
import sqlalchemy as sa

from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.mailings import Audience, Mailing, MailingState
from quadrupel.store.database import driver, translated_errors
from quadrupel.store.tables import mailing_users, mailings

_SENDER_LOCKS = 0x6D61_696C  # "mail"


def create(connection: sa.Connection, mailing: Mailing) -> None:
    """Store a new mailing; Conflict if there is one of that name."""
    row = {**asdict(mailing), "audience": _kept(mailing.audience)}
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(mailings).values(row))
    except sa.exc.IntegrityError as error:
        if not isinstance(error.orig, psycopg.errors.UniqueViolation):
            raise
        raise Conflict(
            f"there is a mailing {mailing.name} already; choose another name, or see it with"
            f" `quadrupel mailing status {mailing.name}`"
        ) from error


def add_users(connection: sa.Connection, name: str, users: Iterable[str]) -> int:
    """Keep the list of users of a mailing; returns how many different ones there are. Streams."""
    raw = driver(connection)
    raw.execute("CREATE TEMP TABLE mailing_batch (user_id text) ON COMMIT DROP")
    with raw.cursor() as cursor, cursor.copy("COPY mailing_batch FROM STDIN") as rows:
        for user_id in users:
            rows.write_row((user_id,))
    return raw.execute(
        "INSERT INTO mailing_users (user_id, mailing)"
        " SELECT DISTINCT user_id, %s FROM mailing_batch ORDER BY user_id",
        [name],
    ).rowcount


def resize(connection: sa.Connection, name: str, size: int) -> None:
    """Note how many users the audience of a mailing has."""
    connection.execute(
        sa.update(mailings).where(mailings.c.name == name).values(audience_size=size)
    )


def users(connection: sa.Connection, name: str, after: str | None, limit: int) -> list[str]:
    """The next users of a mailing's list, in the order of user ids."""
    query = (
        sa.select(mailing_users.c.user_id)
        .where(mailing_users.c.mailing == name, mailing_users.c.user_id > (after or ""))
        .order_by(mailing_users.c.user_id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def hold_users(connection: sa.Connection, name: str, user_ids: Sequence[str]) -> set[str]:
    """Those of the users who are on a mailing's list, and stay on it until the transaction ends."""
    query = (
        sa.select(mailing_users.c.user_id)
        .where(
            mailing_users.c.mailing == name,
            mailing_users.c.user_id == sa.func.any(list(user_ids)),
        )
        .order_by(mailing_users.c.user_id)
        .with_for_update(read=True)
    )
    return set(connection.execute(query).scalars())


def over_with_users(connection: sa.Connection) -> list[str]:
    """The names of mailings that are over and have a list of users yet."""
    listed = sa.exists().where(mailing_users.c.mailing == mailings.c.name)
    over = mailings.c.state.in_([MailingState.DONE.value, MailingState.CANCELLED.value])
    query = sa.select(mailings.c.name).where(over, listed).order_by(mailings.c.name)
    return list(connection.execute(query).scalars())


def forget_users(connection: sa.Connection, name: str, most: int) -> int:
    """Forget the first users of a mailing's list; returns how many, `most` unless it is empty."""
    held = (
        sa.select(mailing_users.c.user_id)
        .where(mailing_users.c.mailing == name)
        .order_by(mailing_users.c.user_id)  # as an erasure locks them
        .limit(most)
        .with_for_update()
        .cte("held")
    )
    return connection.execute(
        sa.delete(mailing_users).where(
            mailing_users.c.mailing == name, mailing_users.c.user_id == held.c.user_id
        )
    ).rowcount


def get(connection: sa.Connection, name: str) -> Mailing:
    """The mailing of that name; NotFound if there is none."""
    row = (
        connection.execute(sa.select(mailings).where(mailings.c.name == name))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise _not_found(name)
    return _mailing(row)


def latest(connection: sa.Connection, limit: int) -> list[Mailing]:
    """The latest mailings, newest first."""
    query = sa.select(mailings).order_by(mailings.c.created_at.desc(), mailings.c.name).limit(limit)
    return [_mailing(row) for row in connection.execute(query).mappings()]


def move(
    connection: sa.Connection,
    name: str,
    states: Collection[MailingState],
    to: MailingState,
    now: datetime,
) -> Mailing:
    """Bring a mailing from one of `states` to another. Raises NotFound, or Conflict."""
    moved = (
        connection.execute(
            sa.update(mailings)
            .where(mailings.c.name == name, mailings.c.state.in_([state.value for state in states]))
            .values(state=to.value, updated_at=now)
            .returning(mailings)
        )
        .mappings()
        .one_or_none()
    )
    if moved is None:
        present = get(connection, name)
        wanted = " or ".join(sorted(state.value for state in states))
        raise Conflict(f"mailing {name} is {present.state.value}, not {wanted}")
    return _mailing(moved)


def set_rate(connection: sa.Connection, name: str, rate: int, now: datetime) -> Mailing:
    """Change how many messages a second a mailing sends at most. Raises NotFound, or Conflict."""
    over = [MailingState.DONE, MailingState.CANCELLED]
    changed = (
        connection.execute(
            sa.update(mailings)
            .where(mailings.c.name == name, mailings.c.state.not_in(over))
            .values(rate=rate, updated_at=now)
            .returning(mailings)
        )
        .mappings()
        .one_or_none()
    )
    if changed is None:
        raise Conflict(f"mailing {name} is {get(connection, name).state.value}: it sends no more")
    return _mailing(changed)


def hold(connection: sa.Connection, name: str) -> tuple[MailingState, int]:
    """The state and the rate of a mailing, which nobody changes until the transaction ends."""
    query = sa.select(mailings.c.state, mailings.c.rate).where(mailings.c.name == name)
    row = connection.execute(query.with_for_update(read=True)).one_or_none()
    if row is None:
        raise _not_found(name)
    return MailingState(row.state), row.rate


def advance(connection: sa.Connection, name: str, cursor: str, queued: int, now: datetime) -> None:
    """Note that all users up to `cursor` are done with, and `queued` more messages on the bus."""
    connection.execute(
        sa.update(mailings)
        .where(mailings.c.name == name)
        .values(cursor=cursor, queued=mailings.c.queued + queued, updated_at=now)
    )


@contextlib.contextmanager
def only_sender(engine: sa.Engine, name: str) -> Iterator[None]:
    """Be the one process that sends this mailing, for as long as the block; Conflict if another is.

    A process that dies is it no longer, however it dies.
    """
    key = sa.func.hashtext(name)
    with translated_errors(), engine.connect() as connection:
        if not connection.execute(
            sa.select(sa.func.pg_try_advisory_lock(_SENDER_LOCKS, key))
        ).scalar():
            raise Conflict(f"mailing {name} is being sent by another process right now")
        connection.commit()
        try:
            yield
        finally:
            # An outage may have taken the connection, and the lock with it.
            with contextlib.suppress(sa.exc.DBAPIError):
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_SENDER_LOCKS, key)))
                connection.commit()


def _kept(audience: Audience) -> dict[str, object]:
    return {name: value for name, value in asdict(audience).items() if value}


def _mailing(row: sa.RowMapping) -> Mailing:
    return Mailing(
        **{**row, "audience": Audience(**row["audience"]), "state": MailingState(row["state"])}
    )


def _not_found(name: str) -> NotFound:
    return NotFound(f"there is no mailing {name}; `quadrupel mailing status` lists them")
