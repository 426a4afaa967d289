"""The choice of a server, and what is known of a replica's age, without any server."""

import itertools

import pytest

from quadrupel.store.read_order import ReplicaAge, Source, State, newest_first, order
from quadrupel.store.replica import Mark, Standing

P, R = Source.PRIMARY, Source.REPLICA
UP, DOUBTED, AWAY = State.UP, State.DOUBTED, State.AWAY
NEAR = 10.0


def mark(place: int, timeline: int = 1, system: int = 7) -> Mark:
    return Mark(system, timeline, place)


def standing(replayed: int, timeline: int = 1, system: int = 7, seconds=None) -> Standing:
    return Standing(True, system, timeline, replayed, seconds)


@pytest.mark.parametrize(
    ("primary", "replica", "behind", "expected"),
    [
        (UP, UP, None, [R, P]),
        (UP, UP, 0.0, [R, P]),
        (UP, UP, NEAR, [R, P]),
        (UP, UP, NEAR + 0.1, [P, R]),
        (AWAY, UP, NEAR + 3600, [R]),
        (UP, AWAY, 0.0, [P]),
        (UP, DOUBTED, 0.0, [P, R]),
        (DOUBTED, UP, NEAR + 0.1, [R, P]),
        (DOUBTED, DOUBTED, 0.0, [R, P]),
        (AWAY, DOUBTED, 0.0, [R]),
        (AWAY, AWAY, 0.0, []),
    ],
)
def test_the_order(primary, replica, behind, expected) -> None:
    assert order({P: primary, R: replica}, behind, NEAR) == expected


@pytest.mark.parametrize(
    ("primary", "replica", "expected"),
    [
        (UP, UP, [P, R]),
        (DOUBTED, UP, [P, R]),
        (UP, AWAY, [P]),
        (AWAY, UP, [R]),
        (AWAY, AWAY, []),
    ],
)
def test_the_newest_is_asked_of_the_primary_unless_it_is_away(primary, replica, expected) -> None:
    assert newest_first({P: primary, R: replica}) == expected


@pytest.mark.parametrize(("primary", "expected"), [(UP, [P]), (DOUBTED, [P]), (AWAY, [])])
def test_without_a_replica_the_primary_is_asked_unless_it_is_away(primary, expected) -> None:
    assert order({P: primary}, None, NEAR) == expected


def test_nobody_who_is_away_is_asked_and_everybody_else_is_once() -> None:
    for states in itertools.product(State, repeat=2):
        for behind in (None, 0.0, NEAR * 2):
            given = dict(zip((P, R), states, strict=True))
            asked = order(given, behind, NEAR)
            assert sorted(asked) == sorted(each for each in given if given[each] is not AWAY)


def test_on_a_quiet_primary_a_replica_is_never_old() -> None:
    age = ReplicaAge()
    for second in range(1_000):
        age.primary_told(mark(500), second)
        age.replica_told(standing(500, seconds=second + 0.5), second)
        assert age.seconds(second) == 0


def test_a_replica_is_as_old_as_the_last_mark_that_it_has() -> None:
    age = ReplicaAge()
    for second in range(10):
        age.primary_told(mark(100 * second), second)
    age.replica_told(standing(650), 9.0)
    assert age.seconds(9.5) == 3.5
    age.replica_told(standing(900), 10.0)
    assert age.seconds(10.0) == 1.0


def test_its_age_grows_while_the_primary_says_nothing() -> None:
    age = ReplicaAge()
    age.primary_told(mark(100), 5.0)
    for second in range(6, 100):
        age.replica_told(standing(100), second)
        assert age.seconds(second) == second - 5.0


def test_it_gets_no_older_when_it_is_seen_behind_again() -> None:
    age = ReplicaAge()
    age.primary_told(mark(100), 5.0)
    age.primary_told(mark(200), 6.0)
    age.replica_told(standing(200), 7.0)
    age.replica_told(standing(100), 8.0)  # another replica behind the same name
    assert age.seconds(8.0) == 2.0


def test_before_a_primary_was_heard_of_its_last_commit_is_all_there_is() -> None:
    age = ReplicaAge()
    assert age.seconds(3.0) is None
    age.replica_told(standing(100, seconds=40.0), 10.0)
    assert age.seconds(12.0) == 42.0
    untold = ReplicaAge()
    untold.replica_told(standing(100), 10.0)
    assert untold.seconds(12.0) == 2.0


@pytest.mark.parametrize(
    ("place", "has"),
    [
        (standing(99), False),
        (standing(100), True),
        (standing(1_000, timeline=2), False),  # it follows another primary
        (mark(1_000, timeline=2), False),  # it was promoted
        (mark(99), False),
        (mark(100), True),  # the same server under another name
        (standing(0, system=8), True),  # another database, as of a logical replication
        (None, True),  # it tells nothing to compare
    ],
)
def test_what_counts_as_having_everything(place, has) -> None:
    age = ReplicaAge()
    age.primary_told(mark(0), 1.0)
    age.replica_told(standing(0), 1.0)
    age.primary_told(mark(100), 9.0)
    age.replica_told(place, 10.0)
    assert age.seconds(10.0) == (1.0 if has else 9.0)


def test_of_a_primary_that_does_not_tell_its_place_a_replica_has_everything() -> None:
    age = ReplicaAge()
    age.primary_told(None, 4.0)
    age.replica_told(standing(100, seconds=900.0), 5.0)
    assert age.seconds(5.0) == 1.0


def test_after_a_failover_the_new_history_counts() -> None:
    age = ReplicaAge()
    age.primary_told(mark(100), 1.0)
    age.replica_told(standing(100), 1.0)
    age.replica_told(mark(150, timeline=2), 20.0)
    assert age.seconds(20.0) == 19.0
    age.primary_told(mark(160, timeline=2), 30.0)
    age.replica_told(mark(160, timeline=2), 30.0)
    assert age.seconds(30.5) == 0.5
