"""What is published: one narrow row per user with its banner set, and the matches behind it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import LiteralString, NamedTuple

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg.types.json import Jsonb

from quadrupel.core.bits import words
from quadrupel.core.errors import ConcurrentWrite
from quadrupel.core.matches import Ended, Match
from quadrupel.core.positions import Position
from quadrupel.core.publishing import Publication, Published, Stale
from quadrupel.store import bulk
from quadrupel.store.banner_rows import read_banners, write_banners
from quadrupel.store.database import driver
from quadrupel.store.rule_numbers import RuleNumbers
from quadrupel.store.tables import matches, published

_COLUMNS: LiteralString = """
    user_id, version, profile_version, as_of, evaluated_at, rule_set, banners,
    event_partition, event_offset, due_on, held, updated_at
"""
_INSERT: LiteralString = "COPY published (" + _COLUMNS + ") FROM STDIN " + bulk.CSV
_UPDATE: LiteralString = """
    UPDATE published SET version = row.version, profile_version = row.profile_version,
        as_of = row.as_of, evaluated_at = row.evaluated_at, rule_set = row.rule_set,
        banners = row.banners, event_partition = row.event_partition,
        event_offset = row.event_offset, due_on = row.due_on, held = row.held::bigint[],
        updated_at = row.updated_at
    FROM unnest(
        %s::text[], %s::bigint[], %s::bigint[], %s::date[], %s::timestamptz[], %s::text[],
        %s::jsonb[], %s::int[], %s::bigint[], %s::date[], %s::text[], %s::timestamptz[]
    ) AS row (
        user_id, version, profile_version, as_of, evaluated_at, rule_set, banners,
        event_partition, event_offset, due_on, held, updated_at
    )
    WHERE published.user_id = row.user_id
"""
# Users go as one text, and in a query of its own: the planner weighs each of a list it can see.
# JSON comes as text, which is decoded here, and only where there is some.
_STATES: LiteralString = """
    SELECT user_id, version, profile_version, as_of, evaluated_at,
        nullif(banners, '[]')::text, event_partition, event_offset, due_on, rule_set
    FROM published WHERE user_id = ANY ((SELECT string_to_array(%s, ','))::text[])
    ORDER BY user_id
"""
_OPEN: LiteralString = """
    SELECT user_id, rule, episode, opened_on, nullif(shown, '{}')::text
    FROM matches WHERE user_id = ANY ((SELECT string_to_array(%s, ','))::text[])
        AND closed_on IS NULL
"""
# Where spans of a rule ended on one day, the one that began last is the last one.
_ENDED: LiteralString = """
    SELECT DISTINCT ON (user_id, rule) user_id, rule, episode, closed_on
    FROM matches WHERE user_id = ANY ((SELECT string_to_array(%s, ','))::text[])
        AND closed_on >= %s
    ORDER BY user_id, rule, closed_on DESC, opened_on DESC, episode
"""
_OPEN_MATCHES = """
    INSERT INTO matches (user_id, rule, episode, opened_on, shown)
    SELECT user_id, rule, episode, opened_on, shown FROM jsonb_to_recordset(%s) AS row (
        user_id text, rule text, episode text, opened_on date, shown jsonb
    )
    ON CONFLICT (user_id, rule, episode, opened_on)
    DO UPDATE SET shown = excluded.shown, closed_on = NULL
"""
_CLOSE_MATCHES = """
    UPDATE matches SET closed_on = row.closed_on FROM jsonb_to_recordset(%s) AS row (
        closed_on date, user_id text, rule text, episode text, opened_on date
    )
    WHERE matches.user_id = row.user_id AND matches.rule = row.rule
        AND matches.episode = row.episode AND matches.opened_on = row.opened_on
"""


_shown = msgspec.json.Decoder(dict[str, str])


class UserState(NamedTuple):
    """What is published of one user, None if nothing ever was, and the open matches."""

    published: Published | None
    open_matches: tuple[Match, ...]


def lock(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, UserState]:
    """The state of every user asked for, locked until the transaction ends.

    No user id has a comma.
    Rows are locked in the order of user ids, so that two publishers never wait in a circle.
    """
    return _states(connection, user_ids, _STATES + " FOR UPDATE")


def states(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, UserState]:
    """The state of every user asked for, as it is just now. No user id has a comma."""
    return _states(connection, user_ids, _STATES)


def ended(
    connection: sa.Connection, user_ids: Sequence[str], since: date
) -> dict[str, dict[str, Ended]]:
    """By user and rule, the last match that ended, if it did so on `since` or later.

    No user id has a comma. Of users that are locked it is so until the transaction ends.
    """
    if not user_ids:
        return {}
    found: dict[str, dict[str, Ended]] = {}
    rows = driver(connection).execute(_ENDED, [",".join(user_ids), since]).fetchall()
    for user_id, rule, episode, closed_on in rows:
        found.setdefault(user_id, {})[rule] = Ended(episode, closed_on)
    return found


def _states(
    connection: sa.Connection, user_ids: Sequence[str], query: LiteralString
) -> dict[str, UserState]:
    rows = driver(connection).execute(query, [",".join(user_ids)]).fetchall()
    now_published = {user_id: _published(*row) for user_id, *row in rows}
    open_matches = _open_matches(connection, user_ids)
    return {
        user_id: UserState(now_published.get(user_id), tuple(open_matches.get(user_id, ())))
        for user_id in user_ids
    }


def _published(
    version: int,
    profile_version: int,
    as_of: date,
    evaluated_at: datetime,
    banners: str | None,
    partition: int | None,
    offset: int | None,
    due_on: date,
    rule_set: str,
) -> Published:
    shown = read_banners(banners) if banners else ()
    contains = position(partition, offset)
    place = (profile_version, as_of, evaluated_at)
    return Published(version, *place, shown, contains, due_on, rule_set)


def position(partition: int | None, offset: int | None) -> Position | None:
    """The position that the two columns hold; None where they hold none."""
    return None if partition is None or offset is None else Position(partition, offset)


def save(
    connection: sa.Connection,
    publications: Sequence[Publication],
    now: datetime,
    numbers: RuleNumbers | None = None,
) -> None:
    """Write what was decided on the state that `lock` gave, in the same transaction.

    `numbers` remembers those of rules from one batch to the next. Raises ConcurrentWrite when
    another publisher was the first to publish a user meanwhile.
    """
    if not publications:
        return
    publications = sorted(publications, key=lambda publication: publication.user_id)
    rules = {rule for publication in publications for rule in publication.held}
    of_rules = (numbers or RuleNumbers()).of(connection, rules)
    # Many users hold the same rules.
    held = {
        each: bulk.array(words(of_rules[rule] for rule in each))
        for each in {publication.held for publication in publications}
    }
    first = [_row(each, held[each.held], now) for each in publications if each.first]
    again = [_row(each, held[each.held], now) for each in publications if not each.first]
    if first:
        _insert(connection, first)
    if again:
        arrays = [bulk.array(column) for column in zip(*again, strict=True)]
        driver(connection).execute(_UPDATE, arrays)
    _save_matches(connection, publications)


def save_contained(connection: sa.Connection, stale: Sequence[Stale]) -> None:
    """Save up to which event users are published, where that is news and nothing else changed.

    On the state that `lock` gave, in the same transaction.
    """
    news = [(each.user_id, *each.contains) for each in stale if each.contains is not None]
    if news:
        users, partitions, offsets = map(list, zip(*news, strict=True))
        driver(connection).execute(
            "UPDATE published SET event_partition = news.event_partition,"
            " event_offset = news.event_offset"
            " FROM unnest(%s::text[], %s::int[], %s::bigint[])"
            " AS news (user_id, event_partition, event_offset)"
            " WHERE published.user_id = news.user_id",
            [users, partitions, offsets],
        )


def _insert(connection: sa.Connection, rows: Sequence[Sequence[object]]) -> None:
    # Rows that exist are locked, so they are still what was decided on; a row that did not exist
    # may have appeared.
    try:
        with driver(connection).cursor() as cursor, cursor.copy(_INSERT) as copy:
            copy.write(bulk.csv(rows))
    except psycopg.errors.UniqueViolation as error:
        raise ConcurrentWrite("a user was published by another worker meanwhile") from error


def _row(publication: Publication, held: str, now: datetime) -> tuple[object, ...]:
    """The columns of a row, those of JSON and of arrays as text."""
    state = publication.published
    return (
        publication.user_id,
        state.version,
        state.profile_version,
        state.as_of,
        state.evaluated_at,
        state.rule_set,
        write_banners(state.banners) if state.banners else "[]",
        *(state.contains or (None, None)),
        state.due_on,
        held,
        now,
    )


def _open_matches(
    connection: sa.Connection, user_ids: Sequence[str]
) -> Mapping[str, Sequence[Match]]:
    found: dict[str, list[Match]] = {}
    rows = driver(connection).execute(_OPEN, [",".join(user_ids)]).fetchall()
    for user_id, rule, episode, opened_on, shown in rows:
        match = Match(rule, episode, opened_on, _shown.decode(shown) if shown else {})
        found.setdefault(user_id, []).append(match)
    return found


def _save_matches(connection: sa.Connection, publications: Sequence[Publication]) -> None:
    opened = [
        {
            "user_id": each.user_id,
            "rule": match.rule,
            "episode": match.episode,
            "opened_on": match.opened_on,
            "shown": dict(match.shown),
        }
        for each in publications
        for match in each.opened
    ]
    closed = [
        {
            "closed_on": each.published.as_of,
            "user_id": each.user_id,
            "rule": match.rule,
            "episode": match.episode,
            "opened_on": match.opened_on,
        }
        for each in publications
        for match in each.closed
    ]
    for statement, rows in ((_OPEN_MATCHES, opened), (_CLOSE_MATCHES, closed)):
        if rows:
            document = Jsonb(rows, dumps=msgspec.json.encode)
            driver(connection).execute(statement, [document])


def match_counts(connection: sa.Connection) -> list[tuple[str, int]]:
    """How many users each rule holds for now, by rule id."""
    query = (
        sa.select(matches.c.rule, sa.func.count())
        .where(matches.c.closed_on.is_(None))
        .group_by(matches.c.rule)
        .order_by(matches.c.rule)
    )
    return [(rule, count) for rule, count in connection.execute(query)]


def version(connection: sa.Connection, user_id: str) -> int:
    """The version of the user's banner set; 0: nothing was ever published."""
    query = sa.select(published.c.version).where(published.c.user_id == user_id)
    return connection.execute(query).scalar_one_or_none() or 0
