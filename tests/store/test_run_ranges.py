"""Leases, fencing, splits: what workers and schedulers do with the ranges of runs."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from quadrupel.core.attributes import Schema
from quadrupel.core.contacts import Contact
from quadrupel.core.profiles import Profile
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.runs import LEASE, RangeCounts, RuleCounts
from quadrupel.core.verdicts import NEVER_DUE
from quadrupel.store import contacts, range_splits, run_ranges, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.range_pages import Evaluated
from quadrupel.store.run_ranges import Claim, NotTaken
from quadrupel.store.run_users import zone_users

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 23)
SECOND = timedelta(seconds=1)
UTC_ZONE = ZoneInfo("UTC")
TEN = RangeCounts(evaluated=10, matched=2, errors=1, changed=10, digest=2**64 - 1)


class Ledger:
    """The functions of the ledger, each in a transaction of its own."""

    def __init__(self, engine):
        self.engine = engine

    def __getattr__(self, name):
        places = (run_ranges, range_splits, runs)
        function = next(getattr(each, name) for each in places if hasattr(each, name))

        def call(*arguments, **named):
            with transaction(self.engine) as connection:
                return function(connection, *arguments, **named)

        return call

    def split_slow(self, run, now, least):
        with transaction(self.engine) as connection:
            found = range_splits.halves(connection, run, now, UTC_ZONE, least)
        with transaction(self.engine) as connection:
            return range_splits.split(connection, run, found, now)

    def spans(self):
        return [(each.first_user, each.end_user, each.users) for each in self.lines("night")]


def add(engine, *users):
    with transaction(engine) as connection:
        ProfileStore(Schema({})).write(connection, [Profile(user, 1) for user in users], NOW)


@pytest.fixture
def night(engine):
    """A run over 25 users in ranges of 10, all on the bus."""
    add(engine, *(f"c{n:03}" for n in range(25)))
    ledger = Ledger(engine)
    ledger.start("night", DAY, "set", 10, NOW)
    ledger.mark_fanned_out("night", [0, 1, 2], NOW)
    return ledger


def test_a_range_of_a_live_worker_is_held_and_one_of_a_dead_worker_is_taken(night):
    first = night.take("night", 0, "one", NOW)
    assert night.take("night", 0, "two", NOW + LEASE - SECOND) is NotTaken.HELD
    second = night.take("night", 0, "two", NOW + LEASE)
    assert second == replace(first, worker="two", attempt=2)


@pytest.fixture
def due_night(engine):
    """A run over the 10 users due, of 25, in one range."""
    add(engine, *(f"c{n:03}" for n in range(25)))
    with transaction(engine) as connection:
        connection.execute(
            sa.text(
                "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
                " rule_set, banners, updated_at, due_on)"
                " SELECT user_id, 1, 1, :before, :now, 'set', '[]', :now, CASE"
                " WHEN user_id < 'c010' THEN :day ELSE :never END FROM profiles"
            ),
            {"before": DAY - timedelta(1), "now": NOW, "day": DAY, "never": NEVER_DUE},
        )
    ledger = Ledger(engine)
    ledger.start("night", DAY, "set", 10, NOW, RunPlan(RunKind.DUE))
    return ledger


def test_a_successor_knows_whom_the_dead_may_have_evaluated_of_those_due(due_night):
    assert due_night.take("night", 0, "one", NOW).before is None
    taken = due_night.take("night", 0, "two", NOW + LEASE)
    assert taken.before is None
    due_night.claim(taken, "c004", RangeCounts(), NOW + LEASE)
    taken = due_night.take("night", 0, "three", NOW + 2 * LEASE)
    assert taken.before == Evaluated("c004", DAY, NOW)
    due_night.claim(taken, "c002", RangeCounts(), NOW + 2 * LEASE)
    assert due_night.take("night", 0, "four", NOW + 3 * LEASE).before == taken.before


def test_who_is_left_a_range_knows_whom_its_worker_may_have_evaluated(due_night):
    taken = due_night.take("night", 0, "one", NOW)
    due_night.claim(taken, "c002", RangeCounts(), NOW)
    assert due_night.hand_back(taken, RangeCounts(), "set", "c000", NOW) == 0
    taken = due_night.take("night", 0, "two", NOW)
    assert taken.before == Evaluated("c002", DAY, NOW)
    due_night.claim(taken, "c004", TEN, NOW)
    assert due_night.hand_back(taken, TEN, "set", "c003", NOW) == 1
    assert due_night.take("night", 1, "three", NOW).before == Evaluated("c004", DAY, NOW)


def test_a_run_keeps_the_users_it_counted_however_its_ranges_are_cut(due_night):
    taken = due_night.take("night", 0, "one", NOW)
    due_night.claim(taken, "c004", TEN, NOW + 20 * SECOND)
    assert due_night.split_slow("night", NOW + 31 * SECOND, least=2) == [1]
    assert due_night.hand_back(taken, TEN, "set", "c005", NOW) == 2
    assert due_night.progress("night").users == 10
    assert due_night.seams("night") == []


def test_a_range_of_everybody_has_everybody_whoever_was_evaluated(night):
    night.claim(night.take("night", 0, "one", NOW), "c004", RangeCounts(), NOW)
    assert night.take("night", 0, "two", NOW + LEASE).before is None


def test_a_beat_renews_the_lease(night):
    taken = night.take("night", 0, "one", NOW)
    assert night.beat(taken, NOW + 20 * SECOND)
    assert night.take("night", 0, "two", NOW + 45 * SECOND) is NotTaken.HELD
    assert night.take("night", 0, "two", NOW + 50 * SECOND).attempt == 2


def test_a_worker_that_starts_anew_has_its_range_at_once(night):
    night.take("night", 0, "one", NOW)
    assert night.take("night", 0, "one", NOW + SECOND).attempt == 2


LATE = {
    "claim": lambda night, taken: night.claim(taken, "c009", TEN, NOW + LEASE),
    "beat": lambda night, taken: night.beat(taken, NOW + LEASE) or None,
    "finish": lambda night, taken: night.finish(taken, TEN, "set", NOW + LEASE) or None,
    "hand_back": lambda night, taken: night.hand_back(taken, TEN, "set", "c005", NOW + LEASE),
    "give up": lambda night, taken: night.hand_back(taken, RangeCounts(), "set", "c", NOW),
}


@pytest.mark.parametrize("step", LATE.values(), ids=LATE)
@pytest.mark.parametrize("successor", ["two", "one"])
def test_who_was_taken_for_dead_changes_nothing(night, step, successor):
    taken = night.take("night", 0, "one", NOW)
    night.take("night", 0, successor, NOW + LEASE)
    before = night.lines("night")
    assert step(night, taken) is None
    assert night.lines("night") == before


def test_a_claim_tells_end_state_and_rate(night):
    taken = night.take("night", 0, "one", NOW)
    assert night.claim(taken, "c004", RangeCounts(), NOW) == Claim("c010", True, None)
    night.set_rate("night", 50)
    night.pause("night")
    assert night.claim(taken, "c009", TEN, NOW) == Claim("c010", False, 50)
    [line] = night.lines("night", "running")
    assert (line.claimed_to, line.evaluated) == ("c009", 10)


def test_what_a_range_counted_is_kept_and_summed_up(night):
    rules = {"moved": RuleCounts(1, 2, 0.25)}
    for number in range(3):
        counts = replace(TEN, rules=rules, evaluated=4)
        taken = night.take("night", number, "one", NOW)
        used = "set" if number else "other"
        assert night.finish(taken, counts, used, NOW + 2 * SECOND)
    done = night.progress("night", NOW + 3 * SECOND)
    assert (done.state, done.evaluated, done.skipped, done.changed) == ("finished", 12, 13, 30)
    assert done.evaluated + done.skipped == done.users
    assert (done.digest, done.other_rules) == ("fffffffffffffffd", 1)
    assert done.users_per_second == 6.0
    assert night.rules("night") == {"moved": RuleCounts(3, 6, 0.75)}


def test_a_range_that_has_nothing_to_tell_of_rules_is_summed_up_with_the_others(night):
    """As one has without users; older rows have a JSON null for it."""
    counted = replace(TEN, rules={"moved": RuleCounts(1, 2, 0.25)})
    for number, counts in enumerate([counted, RangeCounts(), RangeCounts()]):
        night.finish(night.take("night", number, "one", NOW), counts, "set", NOW)
    with transaction(night.engine) as connection:
        connection.execute(sa.text("UPDATE run_ranges SET rules = 'null' WHERE number = 2"))
    assert night.rules("night") == counted.rules


def test_the_speed_is_that_of_the_last_minute(night):
    taken = night.take("night", 0, "one", NOW)
    night.finish(taken, TEN, "set", NOW + 10 * SECOND)
    assert night.progress("night", NOW + 10 * SECOND).users_per_second == 1.0
    assert night.progress("night", NOW + 20 * SECOND).users_per_second == 0.5
    assert night.progress("night", NOW + 65 * SECOND).users_per_second == 0.1
    assert night.progress("night", NOW + 90 * SECOND).users_per_second == 0.0
    night.take("night", 1, "one", NOW + 90 * SECOND)
    assert night.progress("night", NOW + 91 * SECOND).users_per_second == 0.0


def test_a_run_is_judged_by_its_deadline(engine):
    add(engine, *(f"c{n:03}" for n in range(20)))
    ledger = Ledger(engine)
    ledger.start("night", DAY, "set", 10, NOW, deadline=NOW + 30 * SECOND)
    assert ledger.progress("night", NOW).in_time(NOW) is False
    ledger.finish(ledger.take("night", 0, "one", NOW), TEN, "set", NOW + 10 * SECOND)
    half = ledger.progress("night", NOW + 10 * SECOND)
    assert half.expected_end(NOW + 10 * SECOND) == NOW + 20 * SECOND
    assert half.in_time(NOW + 10 * SECOND)
    assert ledger.progress("night", NOW + 20 * SECOND).in_time(NOW + 20 * SECOND) is False
    ledger.pause("night")
    assert ledger.progress("night", NOW).expected_end(NOW) is None


def test_what_a_worker_leaves_becomes_a_range_of_its_own(night):
    taken = night.take("night", 1, "one", NOW)
    assert night.hand_back(taken, replace(TEN, evaluated=3), "set", "c013", NOW) == 3
    assert night.spans() == [
        ("", "c010", 10), ("c010", "c013", 3), ("c013", "c020", 7), ("c020", None, 5)
    ]  # fmt: skip
    assert [each.state for each in night.lines("night")] == ["pending", "done", *["pending"] * 2]
    assert night.seams("night") == []


def test_a_worker_that_has_done_nothing_leaves_its_range_as_it_was(night):
    taken = night.take("night", 1, "one", NOW)
    assert night.hand_back(taken, RangeCounts(), "set", "c010", NOW) == 1
    assert night.pending("night") == [0, 1, 2]


def test_what_a_split_took_is_not_handed_back_too(night):
    for number in (0, 2):
        night.finish(night.take("night", number, "one", NOW), TEN, "set", NOW)
    taken = night.take("night", 1, "one", NOW)
    assert night.split_slow("night", NOW + 29 * SECOND, least=2) == []
    night.beat(taken, NOW + 20 * SECOND)
    assert night.split_slow("night", NOW + 31 * SECOND, least=2) == [3]
    assert night.hand_back(taken, TEN, "set", "c015", NOW) is None
    night.finish(night.take("night", 3, "two", NOW), TEN, "set", NOW)
    assert night.progress("night").state == "finished"


def slow(night):
    """The last range is worked on, and has claimed `c021` of `c020` to `c024`."""
    for number in (0, 1):
        night.finish(night.take("night", number, "two", NOW), TEN, "set", NOW + 20 * SECOND)
    taken = night.take("night", 2, "one", NOW)
    night.claim(taken, "c021", RangeCounts(), NOW + 39 * SECOND)
    return taken


def test_a_slow_range_is_halved_behind_what_is_claimed(night):
    taken = slow(night)
    assert night.split_slow("night", NOW + 40 * SECOND, least=2) == []
    assert night.split_slow("night", NOW + 41 * SECOND, least=2) == [3]
    assert night.spans()[2:] == [("c020", "c023", 3), ("c023", None, 2)]
    assert night.seams("night") == []
    assert night.pending_fan_outs() == ["night"]
    assert night.claim(taken, "c024", TEN, NOW).end_user == "c023"


def test_while_the_middle_is_looked_for_workers_go_on(night):
    taken = slow(night)
    later = NOW + 60 * SECOND
    with transaction(night.engine) as connection:
        assert range_splits.halves(connection, "night", later, UTC_ZONE, 2) != []
        with transaction(night.engine) as worker:
            worker.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
            assert run_ranges.claim(worker, taken, "c022", TEN, later) is not None
            assert runs.lock(worker, "night") == "running"


@pytest.mark.parametrize(
    ("meanwhile", "is_split"),
    [
        (lambda night, taken: night.claim(taken, "c022", TEN, NOW + 59 * SECOND), True),
        (lambda night, taken: night.claim(taken, "c023", TEN, NOW + 59 * SECOND), False),
        (lambda night, taken: night.finish(taken, TEN, "set", NOW), False),
        (lambda night, taken: night.hand_back(taken, TEN, "set", "c022", NOW), False),
        (lambda night, taken: night.take("night", 2, "two", NOW + 39 * SECOND + LEASE), False),
        (lambda night, taken: night.split_slow("night", NOW + 60 * SECOND, least=2), False),
        (lambda night, taken: night.pause("night"), False),
    ],
    ids=["some claimed", "too much claimed", "done", "left", "taken anew", "split", "paused"],
)
def test_what_happens_while_the_middle_is_looked_for_is_heeded(night, meanwhile, is_split):
    taken = slow(night)
    found = night.halves("night", NOW + 60 * SECOND, UTC_ZONE, 2)
    assert found == [(2, "c023", None, 2)]
    meanwhile(night, taken)
    before = night.lines("night")
    assert bool(night.split("night", found, NOW + 60 * SECOND)) is is_split
    assert (night.lines("night") != before) is is_split
    assert night.seams("night") == []


def test_of_those_due_half_go_with_the_new_range(due_night):
    """Beyond them are twice as many whom the run does not mean."""
    due_night.claim(due_night.take("night", 0, "one", NOW), "c003", TEN, NOW + 20 * SECOND)
    assert due_night.split_slow("night", NOW + 31 * SECOND, least=7) == []
    assert due_night.split_slow("night", NOW + 31 * SECOND, least=6) == [1]
    assert due_night.spans() == [("", "c007", 7), ("c007", None, 3)]


@pytest.mark.parametrize(
    ("zone", "spans"),
    [
        ("Asia/Kamchatka", [("", "c003", 3), ("c003", None, 3)]),
        ("UTC", [("", "c015", 9), ("c015", None, 10)]),
    ],
)
def test_of_the_users_of_a_zone_half_go_with_the_new_range(engine, zone, spans):
    add(engine, *(f"c{n:03}" for n in range(25)))
    living = [Contact(f"c{n:03}", None, None, {}, None, "Asia/Kamchatka") for n in range(6)]
    with transaction(engine) as connection:
        contacts.save(connection, living, NOW)
        of = zone_users(zone, contacts.time_zones(connection), UTC_ZONE)
    ledger = Ledger(engine)
    ledger.start("night", DAY, "set", 100, NOW, of=of)
    ledger.mark_fanned_out("night", [0], NOW)
    ledger.beat(ledger.take("night", 0, "one", NOW), NOW + 20 * SECOND)
    assert ledger.split_slow("night", NOW + 31 * SECOND, least=2) == [1]
    assert ledger.spans() == spans


def test_nothing_is_split_while_a_range_waits_or_too_little_is_left(night):
    slow(night)
    assert night.split_slow("night", NOW + 60 * SECOND, least=4) == []
    assert night.split_slow("night", NOW + 60 * SECOND, least=3) == [3]
    assert night.split_slow("night", NOW + 60 * SECOND, least=2) == []


def test_a_range_of_a_dead_worker_is_not_split(night):
    slow(night)
    assert night.split_slow("night", NOW + 39 * SECOND + LEASE, least=2) == []


def test_a_paused_run_is_not_split_and_gives_no_ranges(night):
    slow(night)
    night.pause("night")
    assert night.split_slow("night", NOW + 60 * SECOND, least=2) == []
    assert night.take("night", 2, "two", NOW + 90 * SECOND) is NotTaken.OVER
    night.resume("night", NOW)
    assert night.take("night", 2, "two", NOW + 90 * SECOND).attempt == 2


def test_two_schedulers_at_once_split_a_range_once(night):
    slow(night)
    barrier, added = threading.Barrier(2), []

    def scheduler():
        barrier.wait()
        added.extend(night.split_slow("night", NOW + 60 * SECOND, least=2))

    threads = [threading.Thread(target=scheduler) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert added == [3]


def test_a_split_between_a_fan_out_and_its_mark_is_fanned_out_too(night):
    slow(night)
    night.split_slow("night", NOW + 60 * SECOND, least=2)
    night.mark_fanned_out("night", [0, 1, 2], NOW)
    assert night.pending_fan_outs() == ["night"]
    night.mark_fanned_out("night", [3], NOW)
    assert night.pending_fan_outs() == []


def test_workers_are_those_that_gave_a_sign_of_life_lately(night):
    taken = night.take("night", 0, "one", NOW)
    night.take("night", 1, "two", NOW + 20 * SECOND)
    assert night.workers("night", NOW + 25 * SECOND) == 2
    night.finish(taken, TEN, "set", NOW + 25 * SECOND)
    assert night.workers("night", NOW + 29 * SECOND) == 2
    assert night.workers("night", NOW + 31 * SECOND) == 1


def test_what_nobody_works_on_is_found_from_the_back_and_in_running_runs_only(night):
    night.take("night", 1, "one", NOW)
    assert night.unheld(NOW) == ("night", 2)
    for number in (0, 2):
        night.finish(night.take("night", number, "two", NOW), TEN, "set", NOW)
    assert night.unheld(NOW + LEASE - SECOND) is None
    assert night.unheld(NOW + LEASE) == ("night", 1)
    night.pause("night")
    assert night.unheld(NOW + LEASE) is None


def test_of_two_workers_who_look_at_once_each_finds_a_range_of_its_own(night):
    with transaction(night.engine) as one, transaction(night.engine) as other:
        found = [run_ranges.unheld(each, NOW) for each in (one, other)]
    assert found == [("night", 2), ("night", 1)]


def test_a_run_that_is_done_while_it_is_paused_finishes_when_it_is_resumed(night):
    taken = [night.take("night", number, "one", NOW) for number in range(3)]
    night.pause("night")
    for each in taken:
        assert night.finish(each, TEN, "set", NOW)
    assert night.progress("night").state == "paused"
    night.resume("night", NOW)
    assert night.progress("night").state == "finished"


BROKEN = [
    ("UPDATE run_ranges SET first_user = 'c011' WHERE number = 1", [0, 1]),
    ("UPDATE run_ranges SET end_user = 'c012' WHERE number = 0", [0, 1]),
    ("DELETE FROM run_ranges WHERE number = 1", [0, 2]),
    ("DELETE FROM run_ranges WHERE number = 0", [1]),
    ("DELETE FROM run_ranges WHERE number = 2", [1]),
]


@pytest.mark.parametrize(("damage", "found"), BROKEN)
def test_gaps_and_overlaps_are_found(night, damage, found):
    with transaction(night.engine) as connection:
        connection.execute(sa.text(damage))
    assert night.seams("night") == found
