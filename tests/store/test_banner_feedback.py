"""What citizens did with banners, as the table keeps it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quadrupel.core.contacts import Contact
from quadrupel.core.feedback import Action, Given
from quadrupel.store import banner_feedback, contacts
from quadrupel.store.database import driver, open_engine, transaction
from quadrupel.store.tables import banner_feedback as table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(hours, action=Action.SEEN, rule="fine", episode="2026-11-20"):
    return Given(rule, episode, action, NOON + timedelta(hours=hours))


@pytest.fixture(scope="module")
def shared(shared_url):
    engine = open_engine(shared_url)
    yield engine
    engine.dispose()


def rows(connection):
    return [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]


def test_a_row_has_the_first_and_the_last_time_of_each_action(engine):
    with transaction(engine) as connection:
        banner_feedback.save(
            connection,
            [
                ("c2", at(3, Action.CLICKED)),
                ("c1", at(2)),
                ("c1", at(1)),
                ("c1", at(5, Action.DISMISSED)),
                ("c1", at(1, episode="2026-11-21")),
            ],
        )
        banner_feedback.save(connection, [("c1", at(4)), ("c1", at(0, Action.CLICKED))])
        banner_feedback.save(connection, [])
        hour = [NOON + timedelta(hours=hours) for hours in range(6)]
        assert rows(connection) == [
            ("c1", "fine", "2026-11-20", hour[1], hour[4], hour[0], hour[0], hour[5], hour[5]),
            ("c1", "fine", "2026-11-21", hour[1], hour[1], None, None, None, None),
            ("c2", "fine", "2026-11-20", None, None, hour[3], hour[3], None, None),
        ]


def test_dismissals_are_read_by_user_and_episode_as_days_of_the_user(engine):
    omsk, utc = timezone(timedelta(hours=6)), ZoneInfo("UTC")
    with transaction(engine) as connection:
        banner_feedback.save(
            connection,
            [
                ("c1", at(11, Action.DISMISSED)),
                ("c1", at(12, Action.DISMISSED, "tax")),
                ("c1", at(0, Action.SEEN, "seen_only")),
                ("c2", Given("tax", "e", Action.DISMISSED, datetime(2026, 11, 23, 3, tzinfo=omsk))),
                ("c3", at(0, Action.DISMISSED)),
            ],
        )
        connection.execute(sa.text("SET LOCAL timezone = 'Pacific/Kiritimati'"))
        assert banner_feedback.dismissed(connection, ["c1", "c2", "nobody"], utc) == {
            "c1": {
                ("fine", "2026-11-20"): date(2026, 11, 23),
                ("tax", "2026-11-20"): date(2026, 11, 24),
            },
            "c2": {("tax", "e"): date(2026, 11, 22)},
        }
        assert banner_feedback.dismissed(connection, [], utc) == {}
        contacts.save(connection, [Contact("c2", time_zone="Asia/Omsk")], NOON)
        own = ZoneInfo("Asia/Vladivostok")
        assert banner_feedback.dismissed(connection, ["c1", "c2"], own) == {
            "c1": {
                ("fine", "2026-11-20"): date(2026, 11, 24),
                ("tax", "2026-11-20"): date(2026, 11, 24),
            },
            "c2": {("tax", "e"): date(2026, 11, 23)},
        }


def test_the_episodes_of_which_something_is_kept_are_told_by_user(engine):
    with transaction(engine) as connection:
        banner_feedback.save(connection, [("c1", at(0)), ("c1", at(0, rule="tax"))])
        assert banner_feedback.episodes(connection, ["c1", "c2"]) == {
            "c1": {("fine", "2026-11-20"), ("tax", "2026-11-20")}
        }


@pytest.mark.parametrize("episode", ["a,b", 'a"b', "a\tb\nc", "\\N", "{}", "NULL", "ü", "\x01"])
def test_an_episode_comes_back_whatever_is_in_it(engine, episode):
    with transaction(engine) as connection:
        given = at(0, Action.DISMISSED, episode=episode)
        banner_feedback.save(connection, [("c1", given)])
        assert banner_feedback.episodes(connection, ["c1"]) == {"c1": {("fine", episode)}}
        assert set(banner_feedback.dismissed(connection, ["c1"], ZoneInfo("UTC"))["c1"]) == {
            ("fine", episode)
        }


some_given = st.builds(
    at,
    st.integers(-3, 3),
    st.sampled_from(Action),
    st.sampled_from(["fine", "tax"]),
    st.sampled_from(["2026-11-20", "2026-11-21"]),
)
some_feedback = st.lists(st.tuples(st.sampled_from(["c1", "c2"]), some_given), max_size=12)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(some_feedback, st.data())
def test_every_order_and_repetition_comes_to_the_same_rows(shared, feedback, data):
    def saved(orders):
        with shared.connect() as connection:
            for part in orders:
                banner_feedback.save(connection, part)
            return rows(connection)

    whole = saved([feedback])
    shuffled = data.draw(st.permutations([*feedback, *feedback[: len(feedback) // 2]]))
    assert saved([[each] for each in shuffled]) == whole


def test_two_who_write_the_same_users_in_different_order_do_not_wait_in_a_circle(engine):
    users = [f"c{number}" for number in range(300)]

    def write(order):
        for hours in range(10):
            with transaction(engine) as connection:
                banner_feedback.save(connection, [(user, at(hours)) for user in order])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, [users, users[::-1]]))
    with transaction(engine) as connection:
        assert len(rows(connection)) == len(users)


def test_publish_finds_dismissals_by_the_narrow_index(engine):
    with transaction(engine) as connection:
        seen = [(f"c{number:05}", at(0, rule=f"r{number % 7}")) for number in range(5_000)]
        banner_feedback.save(connection, [*seen, ("c00003", at(1, Action.DISMISSED, "r3"))])
        connection.execute(sa.text("ANALYZE banner_feedback"))
        query = "EXPLAIN " + banner_feedback._DISMISSED
        plan = driver(connection).execute(query, ["c00003,c00004"]).fetchall()
    assert "banner_feedback_dismissed" in str(plan)
