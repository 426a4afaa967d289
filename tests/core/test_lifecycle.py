"""Erasure and registration, folded among other events; every table row is told as a story."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core import lifecycle
from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.events import Event
from quadrupel.core.places import Place
from quadrupel.core.profiles import Arrival, Feeds, Profile, fold

ARRIVED = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
REGION = Feed(Operation.LATEST, "moved", field="region")
SINCE = Feed(Operation.LATEST, "user.registered", field="since")
SCHEMA = Schema(
    {
        "region": Attribute("region", Type.TEXT, "Region", (REGION,)),
        "since": Attribute("since", Type.DATE, "Since when", (SINCE,)),
        "children": Attribute(
            "children", Type.INTEGER, "Children", (Feed(Operation.COUNT, "child.registered"),)
        ),
        "first_seen": Attribute(
            "first_seen", Type.DATETIME, "First seen", (Feed(Operation.FIRST_TIME, "moved"),)
        ),
    }
)
FEEDS = Feeds(SCHEMA)


def event(type_, hour, id=None, **data):
    time = START + timedelta(hours=hour)
    return Event(id or f"{type_}/{hour}", "/registry", type_, "c1", time, data)


def moved(hour, region="77"):
    return event("moved", hour, f"moved/{hour}/{region}", region=region)


def child(hour):
    return event("child.registered", hour)


def erased(hour, id=None):
    return event("user.erased", hour, id)


def registered(hour, id=None, **data):
    return event("user.registered", hour, id, **data)


class User:
    """A profile, and the log of its events: every third one has a later time of arrival."""

    def __init__(self, *events):
        self.profile, self.log = Profile("c1"), []
        if events:
            self.take(*events)

    def take(self, *events):
        """Fold events that arrive now, in one batch."""
        for each in events:
            at = NOON + timedelta(milliseconds=len(self.log) // 3)
            self.log.append(Arrival(each, ARRIVED, Place(at, len(self.log), 0)))
        return self.fold(self.log[len(self.log) - len(events) :])

    def deliver_again(self, first=0):
        """Fold the log from an offset on, as after a crash."""
        return self.fold(self.log[first:])

    def fold(self, arrivals):
        result = fold(self.profile, arrivals, FEEDS)
        self.refused = [error.reason for _, error in result.refused]
        self.erased = result.erased
        return result

    @property
    def values(self):
        names = ("region", "children", "since")
        return {each: self.profile.values[each] for each in names if each in self.profile.values}

    @property
    def is_erased(self):
        return lifecycle.is_erased(self.profile.state.marks)

    def everything(self):
        return dict(self.profile.values), self.profile.state, self.profile.version


LIFE = [
    ("an erasure takes everything away", [moved(1), child(2), erased(3)], {}, True, 0),
    ("it erases who was never heard of", [erased(3)], {}, True, 0),
    ("what happened before it comes too late", [erased(3), moved(1), child(2)], {}, True, 2),
    ("what happened at the same moment too", [erased(3), child(3)], {}, True, 1),
    ("and what happens later waits for a registration", [erased(3), child(4)], {}, True, 1),
    (
        "a registration opens the user again",
        [child(1), erased(3), registered(4), child(5)],
        {"children": 1},
        False,
        0,
    ),
    (
        "what happened between the two counts once the registration is there",
        [erased(3), registered(5), child(4)],
        {"children": 1},
        False,
        0,
    ),
    (
        "what happened before the erasure never counts again",
        [erased(3), registered(4), child(2), child(3)],
        {},
        False,
        2,
    ),
    ("a registration of the same moment opens nothing", [erased(3), registered(3)], {}, True, 1),
    ("an older one neither", [erased(3), registered(2), child(4)], {}, True, 2),
    ("a registration before any erasure is an event like others", [registered(1)], {}, False, 0),
    (
        "it feeds attributes",
        [erased(3), registered(4, since="2026-05-06")],
        {"since": date(2026, 5, 6)},
        False,
        0,
    ),
    ("one with wrong contents opens nothing", [erased(3), registered(4, since=1)], {}, True, 1),
    (
        "a late erasure takes everything away and leaves the user open",
        [registered(4), child(5), erased(3), moved(6)],
        {"region": "77"},
        False,
        0,
    ),
    (
        "an erasure again later takes everything away again",
        [erased(3), registered(4), child(5), erased(6), child(7)],
        {},
        True,
        1,
    ),
    (
        "an older erasure than the last is done already",
        [erased(3), registered(4), child(5), erased(2), erased(3, "other")],
        {"children": 1},
        False,
        0,
    ),
    (
        "a later erasure of who is erased moves the moment",
        [erased(3), erased(6), registered(5)],
        {},
        True,
        1,
    ),
    ("events that feed nothing are nobody's concern", [erased(3), event("x", 4)], {}, True, 0),
]


@pytest.mark.parametrize(
    ("events", "values", "is_erased", "refused"),
    [each[1:] for each in LIFE],
    ids=[each[0] for each in LIFE],
)
@pytest.mark.parametrize("batches", ["one batch", "one event a batch"])
def test_what_counts_in_the_life_of_a_user(batches, events, values, is_erased, refused):
    user, refusals = User(), []
    for batch in [events] if batches == "one batch" else [[each] for each in events]:
        user.take(*batch)
        refusals += user.refused
    assert user.values == values
    assert user.is_erased is is_erased
    assert len(refusals) == refused
    assert set(refusals) <= {"user-erased", "wrong-type"}


def test_nothing_but_the_moment_and_a_growing_version_stays_of_an_erased_user():
    user = User(moved(1), child(2), registered(2))
    user.take(erased(3))
    profile = user.profile
    assert (profile.version, dict(profile.values), profile.state.seen) == (2, {}, {})
    assert set(profile.state.marks) == {lifecycle.ERASED_TAG, lifecycle.ERASED_PLACE_TAG}
    assert lifecycle.erased_at(profile.state.marks) == START + timedelta(hours=3)
    assert lifecycle.registered_at(profile.state.marks) is None
    user.take(registered(4))
    assert profile.version == 3
    assert lifecycle.erased_at(profile.state.marks) == START + timedelta(hours=3)
    assert lifecycle.registered_at(profile.state.marks) == START + timedelta(hours=4)


def test_a_fold_says_that_it_erased_also_when_the_user_was_opened_again():
    assert User(child(1), erased(3)).erased
    assert User(child(1), erased(3), registered(4), child(5)).erased
    user = User(erased(3))
    user.take(erased(3), erased(2), child(5), registered(4), child(6))
    assert not user.erased


@pytest.mark.parametrize(
    "again",
    [[erased(3)], [registered(4)], [registered(4), erased(3)], [erased(3), registered(4)] * 3],
    ids=["erased", "registered", "both", "both, three times"],
)
def test_repeated_lifecycle_events_change_nothing(again):
    user = User(erased(3), registered(4), child(5))
    before = user.everything()
    result = user.take(*again)
    assert (result.applied, result.unchanged, result.refused) == (0, len(again), ())
    assert user.everything() == before


def test_a_refusal_names_the_user_the_moment_and_the_way_back():
    [(_, error)] = User(erased(3)).take(child(2)).refused
    assert error.detail == (
        "c1 was erased at 2026-01-01T03:00:00+00:00; only user.registered of a later time opens"
        " the user again"
    )


hours = st.integers(0, 6)
ordinary = st.one_of(
    st.builds(moved, hours, st.sampled_from(["50", "77"])), st.builds(child, hours)
)
boundaries = st.one_of(st.builds(erased, hours), st.builds(registered, hours))
histories = st.lists(st.one_of(ordinary, boundaries), max_size=12)


def model(events):
    """What the words say of a log, without fold or marks: values, and whether the user is gone."""
    erased_at = registered_at = -1
    counted = {}
    for each in events:
        hour = each.time.hour
        if each.type == "user.erased":
            if hour > erased_at:
                erased_at, counted = hour, {}
        elif hour <= erased_at:
            continue
        elif each.type == "user.registered":
            registered_at = max(registered_at, hour)
        elif erased_at < 0 or registered_at > erased_at:
            counted[each.id] = each
    moves = [each for each in counted.values() if each.type == "moved"]
    children = sum(each.type == "child.registered" for each in counted.values())
    values = {"children": children} if children else {}
    if moves:
        values["region"] = max(moves, key=lambda each: (each.time, each.identity)).data["region"]
        values["first_seen"] = min(each.time for each in moves)
    return values, erased_at >= max(0, registered_at)


@given(histories, st.data())
def test_a_history_comes_to_what_the_words_say_whatever_the_batches_and_crashes(history, data):
    user, rest = User(), list(history)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        user.take(*rest[:size])
        rest = rest[size:]
        if data.draw(st.booleans()):
            before = user.everything()
            result = user.deliver_again(data.draw(st.integers(0, len(user.log) - 1)))
            assert (result.applied, result.erased) == (0, False)
            assert user.everything() == before
    values, is_erased = model(history)
    assert (dict(user.profile.values), user.is_erased) == (values, is_erased)


def without_places(user):
    marks = user.profile.state.marks
    places = (lifecycle.ERASED_PLACE_TAG, lifecycle.OPENED_PLACE_TAG)
    return {tag: mark for tag, mark in marks.items() if tag not in places}


@given(st.lists(st.tuples(st.lists(ordinary, max_size=4), boundaries), max_size=4), st.data())
def test_between_erasures_and_registrations_order_and_repetition_do_not_matter(pieces, data):
    straight, shuffled = User(), User()
    for events, boundary in pieces:
        straight.take(*events, boundary)
        repeated = data.draw(st.lists(st.sampled_from(events), max_size=3)) if events else []
        shuffled.take(*data.draw(st.permutations(events + repeated)), boundary)
    assert dict(shuffled.profile.values) == dict(straight.profile.values)
    assert shuffled.profile.state.seen == straight.profile.state.seen
    assert without_places(shuffled) == without_places(straight)


def test_what_was_refused_counts_when_its_source_sends_it_again_after_a_registration():
    user = User(erased(3), child(4), registered(4))
    assert user.deliver_again().applied == 0
    assert user.values == {}
    user.take(child(4))
    assert user.values == {"children": 1}


def test_what_a_late_erasure_took_away_counts_when_its_source_sends_it_again():
    user = User(registered(4), child(5), erased(3))
    assert user.deliver_again().applied == 0
    assert user.values == {}
    user.take(child(5), child(5))
    assert user.values == {"children": 1}


LATER_PLACES = [
    ("a new topic counts its offsets anew", Place(NOON + timedelta(hours=1), 0, 0)),
    ("another broker's clock is behind", Place(NOON - timedelta(hours=1), 9, 0)),
    ("nothing is known of the place", None),
]


@pytest.mark.parametrize(
    "place", [each[1] for each in LATER_PLACES], ids=[each[0] for each in LATER_PLACES]
)
def test_an_event_is_only_taken_for_one_from_before_when_offset_and_time_say_so(place):
    user = User(child(1), child(2), erased(3), registered(4))
    user.fold([Arrival(child(5), ARRIVED, place)])
    assert user.values == {"children": 1}
    user.fold([Arrival(child(6), ARRIVED, Place(NOON, 1, 0))])
    assert user.values == {"children": 1}
