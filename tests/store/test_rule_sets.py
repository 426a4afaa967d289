"""What is remembered of rule sets: what their rules are, and until when one published by them."""

import threading
from datetime import UTC, datetime, timedelta

from quadrupel.store import rule_sets
from quadrupel.store.database import transaction
from quadrupel.store.rule_sets import UNSURE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
IDENTITIES = {"birthday": "i1", "welcome": "i2"}
KNOWN = {"birthday": ("i1", "w1"), "welcome": ("i2", None)}


def save(engine, *hashes):
    with transaction(engine) as connection:
        for each in hashes:
            rule_sets.save(connection, each, IDENTITIES | {each: "i"})


def mark(engine, now, *hashes):
    with transaction(engine) as connection:
        rule_sets.mark_published(connection, hashes, now)


def asked(engine, hashed, since):
    """The names of the sets that were asked."""
    with transaction(engine) as connection:
        found = rule_sets.asked_since(connection, hashed, since)
    return sorted(name for each in found for name in each.keys() - IDENTITIES.keys())


def test_a_set_comes_back_as_it_was_saved_first(engine):
    with transaction(engine) as connection:
        rule_sets.save(connection, "first", IDENTITIES, {"birthday": "w1"})
        rule_sets.save(connection, "first", {}, {})  # a set that is known stays as it is
        assert rule_sets.identities(connection, "first") == IDENTITIES
        assert rule_sets.asked_since(connection, "first", NOW) == [KNOWN]
        assert rule_sets.asked(IDENTITIES, {"birthday": "w1"}) == KNOWN


def test_of_a_set_that_was_saved_before_there_were_weights_none_are_known(engine):
    with transaction(engine) as connection:
        rule_sets.save(connection, "older", IDENTITIES)
        [found] = rule_sets.asked_since(connection, "older", NOW)
    assert found == {"birthday": ("i1", None), "welcome": ("i2", None)}


def test_of_an_unknown_set_nothing_is_known_whatever_came_after_it(engine):
    save(engine, "later")
    mark(engine, NOW, "later")
    with transaction(engine) as connection:
        assert rule_sets.identities(connection, "unknown") is None
        assert rule_sets.asked_since(connection, "unknown", NOW) == []


def test_a_set_by_which_something_was_published_and_that_nobody_saved_has_no_rules_until_it_is(
    engine,
):
    save(engine, "covered")
    mark(engine, NOW, "lost")
    with transaction(engine) as connection:
        found = rule_sets.asked_since(connection, "covered", NOW)
        assert sorted(found, key=len) == [{}, rule_sets.asked(IDENTITIES | {"covered": "i"}, {})]
    save(engine, "lost")
    assert asked(engine, "covered", NOW) == ["covered", "lost"]


def test_a_set_by_which_something_was_published_since_was_asked_too(engine):
    save(engine, "covered", "before", "since", "never")
    mark(engine, NOW - UNSURE, "before")
    mark(engine, NOW, "since", "before")
    mark(engine, NOW - timedelta(hours=1), "since")  # by a publisher whose clock is slow
    assert asked(engine, "covered", NOW + UNSURE) == ["covered"]
    mark(engine, NOW + timedelta(seconds=1), "since")
    assert asked(engine, "covered", NOW + UNSURE) == ["covered", "since"]


def test_publishers_that_mark_the_same_sets_at_once_do_not_stop_each_other(engine):
    save(engine, "one", "other")
    barrier = threading.Barrier(4)

    def publisher(hashes):
        barrier.wait()
        for _ in range(50):
            mark(engine, NOW, *hashes)

    orders = [("one", "other"), ("other", "one")] * 2
    threads = [threading.Thread(target=publisher, args=(each,)) for each in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked(engine, "one", NOW) == ["one", "other"]
