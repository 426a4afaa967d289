"""Leases, fencing, splits: what workers and schedulers do with the ranges of runs."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from quadrupel.core.runs import LEASE, RangeCounts, RuleCounts
from quadrupel.store import run_ranges
from quadrupel.store.database import transaction
from quadrupel.store.range_pages import Evaluated
from quadrupel.store.run_ranges import Claim, NotTaken

from .night_ledger import DAY, NOW, SECOND, TEN, Ledger, add


def test_a_range_of_a_live_worker_is_held_and_one_of_a_dead_worker_is_taken(night):
    first = night.take("night", 0, "one", NOW)
    assert night.take("night", 0, "two", NOW + LEASE - SECOND) is NotTaken.HELD
    second = night.take("night", 0, "two", NOW + LEASE)
    assert second == replace(first, worker="two", attempt=2)


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
