"""Events that come again, from their source or from the bus, soon or long after, count once."""

from datetime import UTC, datetime, time, timedelta

import pytest

from quadrupel.core.places import Place
from quadrupel.core.profiles import DUPLICATE_DAYS, Arrival, Profile, fold

from .folding import ARRIVED, FEEDS, event, folded


def test_a_duplicate_in_a_later_batch_changes_nothing():
    profile = folded(event("child.registered", id="a"))
    again = Arrival(event("child.registered", id="a"), ARRIVED + timedelta(days=DUPLICATE_DAYS))
    result = fold(profile, [again], FEEDS)
    assert (result.applied, result.unchanged) == (0, 1)
    assert (profile.version, profile.values["children"]) == (1, 1)


def test_identities_are_forgotten_after_the_days_in_which_duplicates_are_known():
    profile = folded(event("child.registered", id="a"))
    later = Arrival(event("child.registered", id="b"), ARRIVED + timedelta(days=DUPLICATE_DAYS + 1))
    fold(profile, [later], FEEDS)
    assert set(profile.state.seen) == {event("child.registered", id="b").identity}


def test_an_event_read_again_long_after_is_judged_by_the_day_on_which_it_arrived():
    first = Arrival(event("child.registered", id="a"), ARRIVED)
    much_later = Arrival(event("child.registered", id="b"), ARRIVED + timedelta(days=6))
    profile = Profile("c1")
    fold(profile, [first, much_later], FEEDS)
    assert fold(profile, [first, much_later], FEEDS).applied == 0


def at(day, offset, partition=0):
    """The place of an event that arrived on a day, counted from ARRIVED."""
    noon = datetime.combine(ARRIVED, time(12), UTC)
    return Place(noon + timedelta(days=day), offset, partition)


def arrivals(*placed):
    """Counted events, each at its place."""
    return [
        Arrival(event("child.registered", id=name), place.at.date(), place)
        for name, place in placed
    ]


LONG_AGO, LATER = ("a", at(0, 5)), ("b", at(DUPLICATE_DAYS + 1, 6))


def test_what_is_delivered_again_long_after_its_identity_was_forgotten_changes_nothing():
    profile = Profile("c1")
    fold(profile, arrivals(LONG_AGO, LATER), FEEDS)
    for again in (arrivals(LONG_AGO, LATER), arrivals(LONG_AGO)):
        result = fold(profile, again, FEEDS)
        assert (result.applied, result.unchanged) == (0, len(again))
    assert (profile.version, profile.values["children"]) == (1, 2)


@pytest.mark.parametrize(
    "place",
    [at(9, 7), at(9, 0), at(-1, 7), at(0, 5, partition=1), None],
    ids=["later", "in a new topic", "by a slow clock", "in another partition", "nowhere"],
)
def test_only_what_offset_and_time_place_before_is_taken_for_delivered_again(place):
    profile = Profile("c1")
    fold(profile, arrivals(LONG_AGO, LATER), FEEDS)
    new = Arrival(event("child.registered", id="c"), ARRIVED, place)
    assert fold(profile, [new], FEEDS).applied == 1


AGAIN = ("a", at(6, 7))
"""What its source sent twice: LONG_AGO is the first time."""
FORGETTING = [
    Arrival(event(type_, id="b", region="77"), place.at.date(), place)
    for type_ in ("child.registered", "moved")
    for place in (at(DUPLICATE_DAYS + 2, 9), at(DUPLICATE_DAYS + 2, 2, partition=1))
]


@pytest.mark.parametrize("later", FORGETTING, ids=lambda each: f"{each.event.type}-{each.place[2]}")
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
def test_a_repetition_is_none_for_ever_when_the_bus_delivers_it_again(later, together):
    profile = Profile("c1")
    fold(profile, arrivals(LONG_AGO), FEEDS)
    batches = [[*arrivals(AGAIN), later]] if together else [arrivals(AGAIN), [later]]
    for batch in batches:
        fold(profile, batch, FEEDS)
    assert event("child.registered", id="a").identity not in profile.state.seen
    before, values = profile.version, dict(profile.values)
    for again in (arrivals(AGAIN), arrivals(LONG_AGO, AGAIN)):
        result = fold(profile, again, FEEDS)
        assert (result.applied, result.unchanged, result.changed) == (0, len(again), False)
    assert (profile.version, profile.values) == (before, values)


def test_a_repetition_is_saved_for_its_place_once_and_changes_no_value():
    profile = Profile("c1")
    fold(profile, arrivals(LONG_AGO), FEEDS)
    first = fold(profile, arrivals(AGAIN), FEEDS)
    assert (first.applied, first.unchanged, first.changed) == (0, 1, True)
    assert (profile.version, profile.values) == (2, {"children": 1})
    assert profile.state.seen == {event("child.registered", id="a").identity: ARRIVED.toordinal()}
    again = fold(profile, arrivals(AGAIN), FEEDS)
    assert (again.changed, profile.version) == (False, 2)


def test_what_event_time_decides_saves_no_place():
    moves = [event("moved", hours=hours, id=str(hours), region="77") for hours in (3, 2, 3)]
    profile = Profile("c1")
    results = [
        fold(profile, [Arrival(each, ARRIVED, at(0, offset))], FEEDS)
        for offset, each in enumerate(moves)
    ]
    assert [result.changed for result in results] == [True, True, False]
    assert profile.state.reached == {}


def test_what_a_broker_with_a_slow_clock_took_does_not_hide_what_was_judged_before_it():
    profile = Profile("c1")
    slow = ("c", at(DUPLICATE_DAYS, 7))
    fold(profile, arrivals(LONG_AGO, LATER, slow), FEEDS)
    assert profile.state.reached == {0: (LATER[1].mark()[0], 7)}
    result = fold(profile, arrivals(LONG_AGO, LATER, slow), FEEDS)
    assert (result.changed, profile.values["children"]) == (False, 3)
