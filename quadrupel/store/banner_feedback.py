"""What citizens did with banners, in Postgres: one row for each episode of a user's rule.

A row has the first and the last time of each action. Rows are merged by the earlier and the later
time, so whatever is told in whatever order, and however often, they come to the same.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import LiteralString
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from quadrupel.core.feedback import Episode, Given
from quadrupel.core.zones import day_of
from quadrupel.store import contacts
from quadrupel.store.database import driver

_TIMES = (
    "first_seen",
    "last_seen",
    "first_clicked",
    "last_clicked",
    "first_dismissed",
    "last_dismissed",
)
_MERGE: LiteralString = """
    INSERT INTO banner_feedback AS kept (
        user_id, rule, episode,
        first_seen, last_seen, first_clicked, last_clicked, first_dismissed, last_dismissed
    )
    SELECT * FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
        %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[]
    )
    ON CONFLICT (user_id, rule, episode) DO UPDATE SET
        first_seen = least(kept.first_seen, excluded.first_seen),
        last_seen = greatest(kept.last_seen, excluded.last_seen),
        first_clicked = least(kept.first_clicked, excluded.first_clicked),
        last_clicked = greatest(kept.last_clicked, excluded.last_clicked),
        first_dismissed = least(kept.first_dismissed, excluded.first_dismissed),
        last_dismissed = greatest(kept.last_dismissed, excluded.last_dismissed)
"""
# Users go as one text, in a query of its own, as in `quadrupel.store.published`.
_EPISODES: LiteralString = """
    SELECT user_id, rule, episode FROM banner_feedback
    WHERE user_id = ANY ((SELECT string_to_array(%s, ','))::text[])
"""
_DISMISSED: LiteralString = """
    SELECT user_id, rule, episode, last_dismissed FROM banner_feedback
    WHERE user_id = ANY ((SELECT string_to_array(%s, ','))::text[]) AND last_dismissed IS NOT NULL
"""


def save(connection: sa.Connection, given: Iterable[tuple[str, Given]]) -> None:
    """Add what users did, each with the user's id, to what is kept.

    Rows are written in the order of their keys. Their users' profiles were saved before, in the
    same transaction, so that nobody else writes them meanwhile.
    """
    rows: dict[tuple[str, str, str], dict[str, datetime]] = {}
    for user_id, each in given:
        _add(rows.setdefault((user_id, *each.of), {}), each)
    if rows:
        values = [(*key, *map(rows[key].get, _TIMES)) for key in sorted(rows)]
        driver(connection).execute(_MERGE, [*map(list, zip(*values, strict=True))])


def _add(row: dict[str, datetime], given: Given) -> None:
    first, last = f"first_{given.action}", f"last_{given.action}"
    row[first] = min(row.get(first, given.time), given.time)
    row[last] = max(row.get(last, given.time), given.time)


def episodes(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, set[Episode]]:
    """The episodes of which something is kept, by user. No user id has a comma."""
    found: dict[str, set[Episode]] = {}
    rows = driver(connection).execute(_EPISODES, [",".join(user_ids)])
    for user_id, rule, episode in rows:
        found.setdefault(user_id, set()).add((rule, episode))
    return found


def dismissed(
    connection: sa.Connection, user_ids: Sequence[str], own: ZoneInfo
) -> dict[str, dict[Episode, date]]:
    """On which day of theirs the users dismissed banners last, by user and episode.

    `own` is the time zone of users who have none of their own. No user id has a comma.
    """
    if not user_ids:
        return {}
    found: dict[str, dict[Episode, date]] = {}
    rows = driver(connection).execute(_DISMISSED, [",".join(user_ids)]).fetchall()
    # Few have ever dismissed something, so nobody else's contact is looked up.
    zones = contacts.zones_of(connection, [*{row[0] for row in rows}]) if rows else {}
    for user_id, rule, episode, time in rows:
        found.setdefault(user_id, {})[rule, episode] = day_of(zones.get(user_id), own, time)
    return found
