"""Contacts and suppressed addresses in Postgres."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.contacts import Contact, Suppression
from quadrupel.store.database import driver
from quadrupel.store.tables import contacts, suppressions

_COLUMNS = "user_id, email, language, consents, phone, time_zone"
"""In the order of the fields of Contact."""


def save(connection: sa.Connection, given: Iterable[Contact], now: datetime) -> int:
    """Write contacts, each instead of the user's former one; returns how many users were written.

    Streams: memory does not grow with the number of contacts. Of several of one user the last
    one counts.
    """
    raw = driver(connection)
    raw.execute(
        "CREATE TEMP TABLE IF NOT EXISTS contacts_batch (LIKE contacts, place bigint)"
        " ON COMMIT DELETE ROWS"
    )
    raw.execute("TRUNCATE contacts_batch")
    with (
        raw.cursor() as cursor,
        cursor.copy(f"COPY contacts_batch ({_COLUMNS}, updated_at, place) FROM STDIN") as rows,
    ):
        for place, contact in enumerate(given):
            rows.write_row((*_row(contact), now, place))
    return raw.execute(
        f"INSERT INTO contacts ({_COLUMNS}, updated_at)"  # noqa: S608
        f" SELECT DISTINCT ON (user_id) {_COLUMNS}, updated_at"
        " FROM contacts_batch ORDER BY user_id, place DESC"
        " ON CONFLICT (user_id) DO UPDATE SET email = excluded.email,"
        " language = excluded.language, consents = excluded.consents, phone = excluded.phone,"
        " time_zone = excluded.time_zone, updated_at = excluded.updated_at"
    ).rowcount


def find(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, Contact]:
    """The contacts of those users that have one."""
    columns = [contacts.c[name] for name in _COLUMNS.split(", ")]
    query = sa.select(*columns).where(contacts.c.user_id == sa.func.any(list(user_ids)))
    return {row.user_id: Contact(*row) for row in connection.execute(query)}


def zones_of(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, str]:
    """The names of the time zones of those users that have one."""
    rows = driver(connection).execute(
        "SELECT user_id, time_zone FROM contacts WHERE user_id = ANY(%s) AND time_zone IS NOT NULL",
        [list(user_ids)],
    )
    return dict(rows.fetchall())


def time_zones(connection: sa.Connection) -> list[str]:
    """The names of the time zones that users have, in order; costs a look-up for each."""
    found: list[str] = []
    query = "SELECT min(time_zone) FROM contacts WHERE time_zone > %s"
    while True:
        [[name]] = driver(connection).execute(query, [found[-1] if found else ""]).fetchall()
        if name is None:
            return found
        found.append(name)


def suppressed(connection: sa.Connection, user_ids: Sequence[str]) -> list[Suppression]:
    """Every suppression of those users."""
    query = sa.select(
        suppressions.c.user_id,
        suppressions.c.channel,
        suppressions.c.address_hash,
        suppressions.c.reason,
    ).where(suppressions.c.user_id == sa.func.any(list(user_ids)))
    return [Suppression(*row) for row in connection.execute(query)]


def suppress(connection: sa.Connection, given: Sequence[Suppression], now: datetime) -> None:
    """Remember addresses that were refused for good, each instead of the user's former one.

    Of a user who has no contact (any more) nothing is remembered.
    """
    known = hold(connection, [each.user_id for each in given]) if given else ()
    rows = {
        (each.user_id, each.channel): {
            "user_id": each.user_id,
            "channel": each.channel,
            "address_hash": each.address_hash,
            "reason": each.reason,
            "created_at": now,
        }
        for each in given
        if each.user_id in known
    }
    if not rows:
        return
    statement = insert(suppressions).values([rows[key] for key in sorted(rows)])
    changed = {name: statement.excluded[name] for name in ("address_hash", "reason", "created_at")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["user_id", "channel"], set_=changed)
    )


def allow(connection: sa.Connection, user_id: str) -> int:
    """Forget what was refused for the user, so that its address is tried again."""
    return connection.execute(
        sa.delete(suppressions).where(suppressions.c.user_id == user_id)
    ).rowcount


def hold(connection: sa.Connection, user_ids: Sequence[str]) -> set[str]:
    """Those of the users that have a contact, which stays until the transaction ends."""
    query = (
        sa.select(contacts.c.user_id)
        .where(contacts.c.user_id == sa.func.any(list(user_ids)))
        .order_by(contacts.c.user_id)
        .with_for_update(read=True, key_share=True)
    )
    return set(connection.execute(query).scalars())


def _row(contact: Contact) -> tuple[object, ...]:
    return (
        contact.user_id,
        contact.email,
        contact.language,
        Jsonb(dict(contact.consents)),
        contact.phone,
        contact.time_zone,
    )
