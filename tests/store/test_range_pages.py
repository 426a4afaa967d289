"""Pages of the users of a time zone, and of those due, whom an attempt before may have read."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from quadrupel.core.contacts import Contact
from quadrupel.store import contacts
from quadrupel.store.database import transaction
from quadrupel.store.range_pages import Part, RangePages
from quadrupel.store.run_users import Evaluated, ZoneUsers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DUE, LATER = date(2026, 11, 23), date(2027, 3, 1)
EVERYBODY = Part("", None)
PAGES = RangePages([], 1)

ZONES = {
    "a": None,
    "b": "Europe/Moscow",
    "c": "Asia/Omsk",
    "d": "Mars/Base",
    "e": "Asia/Omsk",
    "g": "UTC",
}
"""Of users with a contact. The user f has none; d and e are not due."""

OTHERS = ("Asia/Omsk", "UTC")
OF_OWN = ZoneUsers("Europe/Moscow", OTHERS)
OF_OMSK = ZoneUsers("Asia/Omsk")


@pytest.fixture
def users(engine, migrated_url):
    with psycopg.connect(migrated_url) as raw, raw.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO profiles (user_id, version, updated_at, fold_state, erased)"
            " VALUES (%s, 1, now(), '', %s)",
            [(user, user == "x") for user in "abcdefgx"],
        )
        cursor.executemany(
            "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
            " rule_set, banners, updated_at, due_on)"
            " VALUES (%s, 1, 1, %s, now(), '', '[]', now(), %s)",
            [(user, DUE, LATER if user in "de" else DUE) for user in "abcdefg"],
        )
    with transaction(engine) as connection:
        contacts.save(
            connection,
            [Contact(user, None, None, {}, None, zone) for user, zone in ZONES.items()],
            NOW,
        )
    return engine


def read(engine, of, part=EVERYBODY, size=100, due=None, before=None):
    with transaction(engine) as connection:
        part = replace(part, due=due, of=of, before=before)
        return "".join(PAGES.read(connection, part, size)["user_id"])


@pytest.mark.parametrize(
    ("of", "everybody", "due"),
    [
        (None, "abcdefg", "abcfg"),
        (OF_OWN, "abdf", "abf"),
        (OF_OMSK, "ce", "c"),
        (ZoneUsers("UTC"), "g", "g"),
        (ZoneUsers("Asia/Tokyo"), "", ""),
        (ZoneUsers("' OR true --"), "", ""),
        (ZoneUsers("UTC", ()), "abcdefg", "abcfg"),
        (ZoneUsers("UTC", ("' OR true --",)), "abcdefg", "abcfg"),
    ],
    ids=str,
)
def test_a_page_has_the_users_of_a_zone_or_of_no_other_zone(users, of, everybody, due):
    assert read(users, of) == everybody
    assert read(users, of, due=[DUE]) == due


def test_the_pages_of_all_zones_are_the_pages_of_all_users(users):
    every = [OF_OWN, *map(ZoneUsers, OTHERS)]
    assert sorted("".join(read(users, of) for of in every)) == list("abcdefg")


@pytest.mark.parametrize("due", [None, [DUE, LATER]])
def test_pages_of_a_zone_go_on_where_the_last_one_ended(users, due):
    assert read(users, OF_OWN, size=2, due=due) == "ab"
    assert read(users, OF_OWN, Part("b", None, inclusive=False), 2, due) == "df"
    assert read(users, OF_OWN, Part("b", "f"), 2, due) == "bd"
    assert read(users, OF_OWN, Part("f", None, inclusive=False), 2, due) == ""
    assert read(users, OF_OMSK, Part("c", None, inclusive=False), 2, due) == "e"


def test_where_all_users_are_asked_for_contacts_are_not_looked_at(users, migrated_url):
    with psycopg.connect(migrated_url) as raw:
        raw.execute("DROP TABLE contacts")
    assert read(users, None) == "abcdefg"
    assert read(users, None, due=[DUE]) == "abcfg"


NIGHT = DUE + timedelta(days=1)


@pytest.fixture
def half_done(users, migrated_url):
    """An attempt of the night at `NOW` evaluated the users a to c; f was evaluated before it."""
    with psycopg.connect(migrated_url) as raw:
        evaluated = "UPDATE published SET as_of = %s, evaluated_at = %s, due_on = %s"
        raw.execute(f"{evaluated} WHERE user_id IN ('a', 'b', 'c')", [NIGHT, NOW, LATER])
        before = NOW - timedelta(seconds=1)
        raw.execute(f"{evaluated} WHERE user_id = 'f'", [NIGHT, before, LATER])
    return users


def test_who_was_evaluated_by_an_attempt_before_is_due_all_the_same(half_done):
    def again(last, part=EVERYBODY):
        return read(half_done, None, part, due=[DUE], before=Evaluated(last, NIGHT, NOW))

    assert read(half_done, None, due=[DUE]) == "g"
    assert again("g") == "abcg"
    assert again("b") == "abg"
    assert again("g", Part("b", None, inclusive=False)) == "cg"
    assert again("b", Part("c", None)) == "g"


def test_who_was_evaluated_on_another_day_is_not_due_again(half_done):
    assert read(half_done, None, due=[DUE], before=Evaluated("g", LATER, NOW)) == "g"
