"""The citizens of a benchmark: synthetic lives, and a table filled with copies of them.

To make a million lives would take minutes. Copies share the inputs of rules, so an evaluator learns
when they are due sooner than of as many citizens of whom no two are alike.
"""

import random
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg import sql
from stand import Stand

from quadrupel import bootstrap
from quadrupel.core.events import Event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.lives.life import life
from quadrupel.store import database
from quadrupel.store.profiles import ProfileStore

TODAY = date(2026, 11, 23)
BASE = 20_000
"""Profiles that are folded from events; the table is filled with copies of them."""


def fill_profiles(stand: Stand, size: int, *, more: bool = False) -> None:
    """Profiles `p0000000` and on: copies of those that synthetic lives give.

    They lie in the order of their ids, as where ids are given one after the other. With `more`,
    those there are stay, and the table grows to `size`.
    """
    if more:
        copy_profiles(stand, size)
        return
    rules = bootstrap.load_rules(stand.settings)
    feeds, store = Feeds(rules.schema), ProfileStore(rules.schema)
    base = min(BASE, size)
    folded = []
    for number in range(base):
        profile = Profile(user_id(number))
        facts = facts_of(profile.user_id, number, "/before")
        fold(profile, arrived(facts, TODAY - timedelta(days=30)), feeds)
        profile.version = 1
        folded.append(profile)
    with (
        bootstrap.open_engine(stand.settings) as engine,
        database.transaction(engine) as connection,
    ):
        store.write(connection, folded, datetime.now(UTC))
    copy_profiles(stand, size)


def copy_profiles(stand: Stand, size: int) -> None:
    """Copies of the first BASE profiles, until there are as many as `size`."""
    names = bootstrap.load_rules(stand.settings).schema.attributes
    with psycopg.connect(stand.settings.database, autocommit=True) as connection:
        [[present]] = connection.execute("SELECT count(*) FROM profiles").fetchall()
        copies = sql.SQL(
            "INSERT INTO profiles (user_id, version, updated_at, fold_state{0}) SELECT"
            " 'p' || lpad((substr(user_id, 2)::int + %(base)s * n)::text, 7, '0'), version,"
            " updated_at, fold_state{0}"
            " FROM profiles, generate_series(%(first)s::int, %(times)s::int) AS n"
            " WHERE substr(user_id, 2)::int < %(base)s::int"
            " AND substr(user_id, 2)::int + %(base)s * n < %(size)s ORDER BY 1"
        ).format(sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(n)) for n in names))
        times = {"first": max(1, present // BASE), "times": -(-size // BASE)}
        connection.execute(copies, {"base": BASE, "size": size, **times})
        connection.execute("VACUUM (ANALYZE, FREEZE) profiles")
        connection.execute("CHECKPOINT")


_lives: dict[int, list[tuple[int, str, dict[str, object]]]] = {}


def facts_of(name: str, number: int, source: str) -> list[Event]:
    """The life of a synthetic citizen, as events of the user of that name."""
    if number not in _lives:
        _lives[number] = list(life(random.Random(f"3:{number}"), TODAY))
    return [
        Event(
            f"{name}-{index}",
            source,
            kind,
            name,
            datetime.fromordinal(day).replace(tzinfo=UTC),
            data,
        )
        for index, (day, kind, data) in enumerate(_lives[number])
    ]


def user_id(number: int) -> str:
    return f"p{number:07d}"
