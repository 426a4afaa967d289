"""Exposures in Postgres: one row for a user, rule and episode, with the arm of its beginning.

Publish adds rows, and says when a banner first found a place; ingest says when a goal was reached.
Each does so in the transaction of what it follows from. Both lock rows in the order of their keys,
so that they never wait for each other in a circle.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

import sqlalchemy as sa

from quadrupel.core.exposures import Exposure, Key, News, Reached, first_reached
from quadrupel.store.database import driver

_BEGIN: LiteralString = """
    INSERT INTO exposures AS kept (user_id, rule, episode, arm, since, shown_at)
    SELECT * FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[]
    )
    ON CONFLICT (user_id, rule, episode) DO UPDATE SET shown_at = excluded.shown_at
        WHERE kept.shown_at IS NULL AND excluded.shown_at IS NOT NULL
"""
_SHOW: LiteralString = """
    WITH locked AS (
        SELECT kept.user_id, kept.rule, kept.episode FROM exposures AS kept
        JOIN unnest(%s::text[], %s::text[], %s::text[]) AS news (user_id, rule, episode)
            USING (user_id, rule, episode)
        WHERE kept.shown_at IS NULL
        ORDER BY kept.user_id, kept.rule, kept.episode FOR UPDATE OF kept
    )
    UPDATE exposures AS kept SET shown_at = %s FROM locked
    WHERE kept.user_id = locked.user_id AND kept.rule = locked.rule
        AND kept.episode = locked.episode
"""
# Users go as one text, in a query of its own, as in `quadrupel.store.published`.
_OF_USERS: LiteralString = """
    SELECT user_id, rule, episode, since, goal_at FROM exposures
    WHERE user_id = ANY ((SELECT string_to_array(%s, ','))::text[]) AND rule = ANY (%s)
    ORDER BY user_id, rule, episode FOR UPDATE
"""
_REACH: LiteralString = """
    UPDATE exposures AS kept SET goal_at = news.goal_at
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[])
        AS news (user_id, rule, episode, goal_at)
    WHERE kept.user_id = news.user_id AND kept.rule = news.rule AND kept.episode = news.episode
"""


def record(connection: sa.Connection, news: News, now: datetime) -> None:
    """Add exposures that begin, and that banners of others are shown `now`; known ones stay."""
    if news.begun:
        begun = sorted(news.begun, key=_key)
        driver(connection).execute(_BEGIN, [*map(list, zip(*begun, strict=True))])
    if news.shown:
        keys = sorted(news.shown)
        driver(connection).execute(_SHOW, [*map(list, zip(*keys, strict=True)), now])


def reach(connection: sa.Connection, reached: Sequence[Reached]) -> None:
    """Record which goals of exposures were reached, each the first time; others are left out.

    No user id has a comma.
    """
    if not reached:
        return
    by_rule: defaultdict[tuple[str, str], list[Reached]] = defaultdict(list)
    for each in reached:
        by_rule[each.user_id, each.rule].append(each)
    users = ",".join(sorted({each.user_id for each in reached}))
    rules = sorted({each.rule for each in reached})
    rows = driver(connection).execute(_OF_USERS, [users, rules]).fetchall()
    found = [
        (user_id, rule, episode, first)
        for user_id, rule, episode, since, before in rows
        if (first := first_reached(since, before, by_rule.get((user_id, rule), ()))) != before
    ]
    if found:
        driver(connection).execute(_REACH, [*map(list, zip(*found, strict=True))])


def _key(exposure: Exposure) -> Key:
    return exposure[:3]
