"""Exposures as the table keeps them, and what is counted of them."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from quadrupel.core.exposures import Exposure, News, Reached
from quadrupel.core.feedback import Action, Given
from quadrupel.core.reports import Counts
from quadrupel.store import banner_feedback, exposure_counts, exposures
from quadrupel.store.database import transaction
from quadrupel.store.tables import exposures as table
from quadrupel.store.tables import matches

from .at_once import waits_for

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def hours(number):
    return NOON + timedelta(hours=number)


def exposure(user, arm="shown", rule="fine", episode="e", since=NOON, shown=None):
    return Exposure(user, rule, episode, arm, since, shown)


def rows(connection):
    return [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]


def test_the_first_exposure_stays_whatever_comes_again(engine):
    with transaction(engine) as connection:
        exposures.record(connection, News([exposure("b"), exposure("a", "plain")], []), NOON)
        again = [exposure("a", "urgent", since=hours(1)), exposure("b", since=hours(1))]
        exposures.record(connection, News(again, []), hours(1))
        exposures.record(connection, News([], []), hours(2))
        assert rows(connection) == [
            ("a", "fine", "e", "plain", NOON, None, None),
            ("b", "fine", "e", "shown", NOON, None, None),
        ]


def test_when_a_banner_first_found_a_place_is_told_once_and_of_known_exposures_only(engine):
    with transaction(engine) as connection:
        begun = [exposure("a"), exposure("b", shown=NOON), exposure("c")]
        exposures.record(connection, News(begun, []), NOON)
        keys = [(user, "fine", "e") for user in "dba"]
        exposures.record(connection, News([], keys), hours(1))
        exposures.record(connection, News([exposure("c", shown=hours(2))], keys), hours(2))
        shown = {row[0]: row[5] for row in rows(connection)}
        assert shown == {"a": hours(1), "b": NOON, "c": hours(2)}


def test_a_goal_is_recorded_for_the_exposures_it_counts_for(engine):
    with transaction(engine) as connection:
        begun = [
            exposure("a"),
            exposure("a", episode="later", since=hours(4)),
            exposure("a", rule="tax"),
            exposure("b"),
        ]
        exposures.record(connection, News(begun, []), NOON)
        told = [
            Reached("a", "fine", hours(5), 30),
            Reached("a", "fine", hours(3), 30),
            Reached("a", "fine", hours(-1), 30),
            Reached("b", "tax", hours(1), 30),
            Reached("nobody", "fine", hours(1), 30),
        ]
        for _ in range(2):
            exposures.reach(connection, told)
            assert [(*row[:3], row[6]) for row in rows(connection)] == [
                ("a", "fine", "e", hours(3)),
                ("a", "fine", "later", hours(5)),
                ("a", "tax", "e", None),
                ("b", "fine", "e", None),
            ]
        exposures.reach(connection, [Reached("a", "fine", hours(1), 30)])
        exposures.reach(connection, [])
        assert rows(connection)[0][6] == hours(1)


def shown_at(hour):
    return lambda connection: exposures.record(
        connection, News([], [("a", "fine", "e")]), hours(hour)
    )


def reached_at(hour):
    return lambda connection: exposures.reach(connection, [Reached("a", "fine", hours(hour), 30)])


@pytest.mark.parametrize("tell", [shown_at, reached_at])
def test_of_two_that_tell_it_at_once_the_first_time_stays(engine, tell):
    with transaction(engine) as connection:
        exposures.record(connection, News([exposure("a")], []), NOON)
    waits_for(engine, tell(1), tell(2))
    with transaction(engine) as connection:
        [(*_, shown, reached)] = rows(connection)
    assert {shown, reached} == {None, hours(1)}


@pytest.fixture
def told(engine):
    """Exposures and feedback of some users."""
    begun = [
        exposure("a", "plain", shown=NOON),
        exposure("a", "urgent", episode="later", since=hours(48), shown=hours(48)),
        exposure("b", "plain", shown=NOON),
        exposure("c", "plain"),
        exposure("d", "control"),
        exposure("e", "control"),
        exposure("x", "shown", rule="tax", shown=NOON),
    ]
    given = [
        ("a", Given("fine", "e", Action.SEEN, hours(1))),
        ("a", Given("fine", "later", Action.CLICKED, hours(50))),
        ("b", Given("fine", "e", Action.DISMISSED, hours(1))),
        ("c", Given("fine", "e", Action.CLICKED, hours(1))),
        ("b", Given("fine", "made up", Action.CLICKED, hours(1))),
        ("x", Given("tax", "e", Action.SEEN, hours(1))),
    ]
    reached = [Reached("a", "fine", hours(49), 30), Reached("d", "fine", hours(2), 30)]
    with transaction(engine) as connection:
        exposures.record(connection, News(begun, []), NOON)
        banner_feedback.save(connection, given)
        exposures.reach(connection, reached)
    return engine


def test_each_user_is_counted_once_in_the_first_arm(told):
    with transaction(told) as connection:
        assert exposure_counts.exposed(connection, ["fine"]) == {
            "fine": {
                "control": Counts(2, 0, 0, 0, 0, 1, NOON),
                "plain": Counts(3, 2, 2, 1, 1, 1, NOON),
            }
        }


def test_only_exposures_since_a_day_are_counted(told):
    with transaction(told) as connection:
        found = exposure_counts.exposed(connection, ["fine", "tax"], date(2026, 11, 25))
        assert found == {"fine": {"urgent": Counts(1, 1, 1, 1, 0, 1, hours(48))}}
        assert exposure_counts.exposed(connection, ["fine"], date(2027, 1, 1)) == {}


def test_of_rules_that_record_nothing_matches_are_counted(told):
    opened = [
        {"user_id": user, "rule": "fine", "episode": "e", "opened_on": day, "shown": {}}
        for user, day in (
            ("a", date(2026, 11, 1)),
            ("a", date(2026, 11, 23)),
            ("b", date(2026, 11, 23)),
            ("z", date(2026, 10, 1)),
        )
    ]
    with transaction(told) as connection:
        connection.execute(sa.insert(matches), opened)
        first = datetime(2026, 10, 1, tzinfo=UTC)
        assert exposure_counts.matched(connection, ["fine"]) == {
            "fine": {"shown": Counts(3, None, 2, 0, 1, 0, first)}
        }
        found = exposure_counts.matched(connection, ["fine"], date(2026, 11, 20))
        assert found["fine"]["shown"][:3] == (2, None, 2)
