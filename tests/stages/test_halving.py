import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.errors import ConcurrentWrite, DatabaseRefused
from quadrupel.stages.halving import Unsaved, save_all

REFUSAL = DatabaseRefused("no")


class Database:
    """Refuses what has one of the bad events; remembers its transactions."""

    def __init__(self, bad=()):
        self.bad = set(bad)
        self.saved = []
        self.transactions = 0
        self.kept_alive = 0

    def save(self, part):
        self.transactions += 1
        events = [event for sent in part.values() for event in sent]
        if self.bad & set(events):
            raise REFUSAL
        self.saved += events
        return len(events)

    def keep_alive(self):
        self.kept_alive += 1

    def save_all(self, events):
        return list(save_all(events, self.save, self.keep_alive))


def batch(users, each=1):
    return {f"u{user:05}": [f"{user}/{n}" for n in range(each)] for user in range(users)}


def test_a_good_batch_takes_one_transaction():
    database = Database()
    assert database.save_all(batch(1_000)) == [1_000]
    assert (database.transactions, database.kept_alive) == (1, 0)


def test_an_empty_batch_is_saved_as_any_other():
    database = Database()
    assert database.save_all({}) == [0]
    assert database.transactions == 1


@pytest.mark.parametrize("number", [0, 1, 999, 1_000, 1_998, 1_999])
def test_one_bad_event_among_thousands_is_found_in_two_log_two_transactions(number):
    database = Database({f"{number}/0"})
    outcomes = database.save_all(batch(2_000))
    assert [each for each in outcomes if isinstance(each, Unsaved)] == [
        Unsaved(f"{number}/0", REFUSAL)
    ]
    assert len(database.saved) == 1_999
    assert database.transactions <= 2 * math.ceil(math.log2(2_000)) + 1
    assert 11 <= database.kept_alive <= 12


def test_the_bad_event_of_a_user_is_found_among_the_good_ones():
    database = Database({"3/7"})
    outcomes = database.save_all(batch(5, each=20))
    assert [each.event for each in outcomes if isinstance(each, Unsaved)] == ["3/7"]
    assert len(database.saved) == 99


def test_another_error_ends_it_and_what_was_saved_stays_so():
    database = Database({"0/0"})

    def save(part):
        if list(part) == ["u00000"]:
            raise ConcurrentWrite("another one was quicker")
        return database.save(part)

    with pytest.raises(ConcurrentWrite):
        list(save_all(batch(4), save, database.keep_alive))
    assert database.saved == []


@given(
    st.dictionaries(st.integers(0, 50), st.integers(1, 5), min_size=1),
    st.sets(st.tuples(st.integers(0, 50), st.integers(0, 4))),
)
def test_all_but_the_bad_events_are_saved_once(sizes, bad):
    events = {str(user): [(user, n) for n in range(size)] for user, size in sizes.items()}
    sent = {event for each in events.values() for event in each}
    database = Database(bad)
    outcomes = database.save_all(events)
    found = [each.event for each in outcomes if isinstance(each, Unsaved)]
    assert sorted(found) == sorted(sent & bad)
    assert sorted(database.saved) == sorted(sent - bad)
