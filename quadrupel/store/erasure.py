"""Erasure in Postgres: everything held about a user goes, and a tombstone stays, with who looked.

The tombstone is two rows without contents. That of `profiles` has the user id, a version, and in
its fold state when the user was erased: what happened before never counts again. That of
`published` has the version of the banner set and that of the profile: an evaluation that is on its
way is older, and shows nothing any more.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa
from psycopg import sql
from psycopg.types.json import Jsonb

from quadrupel.core.positions import Position
from quadrupel.core.profiles import Profile
from quadrupel.store import schema
from quadrupel.store.database import driver
from quadrupel.store.tables import (
    banner_feedback,
    contacts,
    exposures,
    looks,
    mailing_users,
    matches,
    messages,
    profiles,
    published,
    refusals,
    suppressions,
)

TOMBSTONES = (profiles, published)
EMPTIED = (
    *(matches, mailing_users, messages, contacts, suppressions, refusals, banner_feedback),
    exposures,
)
"""The other tables that hold users. Lists of mailings before messages, and contacts before
suppressions and refusals, which are recorded for those in the former only: so none is recorded in
between."""

KEPT = (looks,)
"""Who looked at the user stays until it is old enough: an audit log that whoever may erase can
empty would be none."""

_FIRST_DAY = date(1970, 1, 1)
"""Before every evaluation, so that none of a user registered again is held to be older."""
_FIRST_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def erase(
    connection: sa.Connection,
    erased: Sequence[Profile],
    now: datetime,
    contained: Mapping[str, Position] | None = None,
) -> dict[str, int]:
    """Leave nothing of these users but tombstones, and what events brought after the erasure.

    Returns the versions of their banner sets, which are empty, by user.

    `contained` has, by user, the position up to which the user's events are dealt with by that.
    The profiles are those just saved in the same transaction. That holds their rows, so a mailing
    in the middle of a chunk was waited for; a publisher is waited for here. What both wrote goes.
    """
    if not erased:
        return {}
    ordered = sorted(erased, key=lambda profile: profile.user_id)
    users = [(profile.user_id,) for profile in ordered]
    _empty_other_columns(connection, ordered)
    with driver(connection).cursor() as cursor:
        cursor.executemany(
            "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
            " rule_set, banners, updated_at, event_partition, event_offset, due_on)"
            " VALUES (%s, 1, %s, %s, %s, '', %s, %s, %s, %s, '9999-12-31')"
            " ON CONFLICT (user_id) DO UPDATE SET version = published.version + 1,"
            " profile_version = excluded.profile_version, as_of = excluded.as_of,"
            " evaluated_at = excluded.evaluated_at, rule_set = excluded.rule_set,"
            " banners = excluded.banners, updated_at = excluded.updated_at,"
            " event_partition = excluded.event_partition, event_offset = excluded.event_offset,"
            " due_on = excluded.due_on, held = excluded.held",
            [_tombstone(each, now, (contained or {}).get(each.user_id)) for each in ordered],
        )
        for table in EMPTIED:
            delete = sql.SQL("DELETE FROM {} WHERE user_id = %s").format(sql.Identifier(table.name))
            cursor.executemany(delete, users)
        query = "SELECT user_id, version FROM published WHERE user_id = ANY(%s)"
        return dict(cursor.execute(query, [[profile.user_id for profile in ordered]]).fetchall())


def _tombstone(profile: Profile, now: datetime, contained: Position | None) -> tuple[object, ...]:
    partition, offset = contained or (None, None)
    state = (profile.version, _FIRST_DAY, _FIRST_TIME, Jsonb([]), now)
    return (profile.user_id, *state, partition, offset)


def erased_of(
    connection: sa.Connection, user_ids: Sequence[str], *, hold: bool = False
) -> set[str]:
    """Those of the users who are erased.

    With `hold`, no profile of the users changes until the transaction ends.
    """
    query = (
        sa.select(profiles.c.user_id, profiles.c.erased)
        .where(profiles.c.user_id == sa.func.any(list(user_ids)))
        .order_by(profiles.c.user_id)
    )
    if hold:
        query = query.with_for_update(read=True)
    return {user_id for user_id, erased in connection.execute(query) if erased}


def _empty_other_columns(connection: sa.Connection, saved: Sequence[Profile]) -> None:
    """Empty the columns of attributes that the profiles do not have, also of removed attributes."""
    applied = schema.applied_names(connection)
    for profile in saved:
        others = [sql.Identifier(name) for name in applied if name not in profile.values]
        if others:
            empty = sql.SQL(", ").join(sql.SQL("{} = NULL").format(name) for name in others)
            update = sql.SQL("UPDATE profiles SET {} WHERE user_id = %s").format(empty)
            driver(connection).execute(update, [profile.user_id])
