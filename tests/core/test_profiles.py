from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.events import Event
from quadrupel.core.places import Place
from quadrupel.core.profiles import (
    DUPLICATE_DAYS,
    MAX_STATISTIC_KEYS,
    Arrival,
    Feeds,
    Profile,
    arrived,
    fold,
)
from quadrupel.core.values import Statistic
from quadrupel.core.windows import LAGGING_DAYS, MAX_EVENTS, NO_EVENTS, count_within

ARRIVED = date(2026, 11, 23)
START = datetime(2026, 1, 1, tzinfo=UTC)
START_TO_ARRIVED = (ARRIVED - START.date()).days


def attribute(name, type_, *feeds, values=(), window=0):
    return Attribute(name, type_, f"what {name} is", feeds, values, window)


WINDOW = 30
LICENCE = {"kind": "driving_licence"}
SCHEMA = Schema(
    {
        each.name: each
        for each in (
            attribute(
                "licence_expires",
                Type.DATE,
                Feed(Operation.LATEST, "document.issued", field="expires", where=LICENCE),
                Feed(Operation.CLEAR, "document.revoked", where=LICENCE),
            ),
            attribute(
                "has_licence",
                Type.BOOLEAN,
                Feed(Operation.SET, "document.issued", where=LICENCE, value=True),
            ),
            attribute("region", Type.TEXT, Feed(Operation.LATEST, "moved", field="region")),
            attribute(
                "sex",
                Type.TEXT,
                Feed(Operation.LATEST, "moved", field="sex"),
                values=("female", "male"),
            ),
            attribute("children", Type.INTEGER, Feed(Operation.COUNT, "child.registered")),
            attribute(
                "fines",
                Type.DECIMAL,
                Feed(Operation.SUM, "fine.issued", field="amount"),
                Feed(Operation.SUBTRACT, "fine.paid", field="amount"),
            ),
            attribute("first_seen", Type.DATETIME, Feed(Operation.FIRST_TIME, "moved")),
            attribute("last_seen", Type.DATE, Feed(Operation.LAST_TIME, "moved")),
            attribute(
                "orders",
                Type.STATISTICS,
                Feed(Operation.STATISTICS, "service.ordered", key="service", field="price"),
            ),
            attribute(
                "recent",
                Type.WINDOWED_COUNT,
                Feed(Operation.COUNT, "portal.visited"),
                Feed(Operation.COUNT, "portal.visited", where={"by": "app"}),
                Feed(Operation.COUNT, "portal.called", where={"answered": True}),
                window=WINDOW,
            ),
        )
    }
)
FEEDS = Feeds(SCHEMA)


def event(type_, /, *, hours=0, id="1", **data):
    return Event(
        id=id,
        source="/registry",
        type=type_,
        subject="c1",
        time=START + timedelta(hours=hours),
        data=data,
    )


def folded(*events, on=ARRIVED):
    profile = Profile("c1")
    fold(profile, arrived(events, on), FEEDS)
    return profile


def test_the_latest_event_by_its_own_time_decides():
    newer = event("moved", hours=2, id="2", region="77")
    older = event("moved", hours=1, id="1", region="50")
    assert folded(newer, older).values["region"] == "77"
    assert folded(older, newer).values["region"] == "77"


def test_a_clear_takes_the_value_away_unless_a_later_event_gives_one():
    issued = event("document.issued", hours=1, id="1", kind="driving_licence", expires="2030-01-01")
    revoked = event("document.revoked", hours=2, id="2", kind="driving_licence")
    again = event("document.issued", hours=3, id="3", kind="driving_licence", expires="2036-01-01")
    assert "licence_expires" not in folded(issued, revoked).values
    assert folded(again, revoked, issued).values["licence_expires"] == date(2036, 1, 1)


def test_events_of_another_kind_do_not_count():
    passport = event("document.issued", kind="passport", expires="2030-01-01")
    profile = folded(passport)
    assert profile.values == {}
    assert profile.version == 0


def test_null_clears_and_an_absent_field_changes_nothing():
    given_region = event("moved", hours=1, id="1", region="77")
    assert "region" not in folded(given_region, event("moved", hours=2, id="2", region=None)).values
    assert folded(given_region, event("moved", hours=2, id="2")).values["region"] == "77"


def test_counts_and_sums_add_up_once_per_event():
    profile = folded(
        event("child.registered", id="a"),
        event("child.registered", id="b"),
        event("child.registered", id="a"),
        event("fine.issued", id="c", amount=Decimal("500.50")),
        event("fine.issued", id="c", amount=Decimal("500.50")),
        event("fine.paid", id="d", amount=200),
    )
    assert profile.values["children"] == 2
    assert profile.values["fines"] == Decimal("300.50")


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


def test_statistics_keep_count_sum_first_and_last_per_key():
    orders = folded(
        event("service.ordered", hours=5, id="1", service="passport", price=350),
        event("service.ordered", hours=1, id="2", service="passport", price=Decimal("0.5")),
        event("service.ordered", hours=2, id="3", service="visa"),
    ).values["orders"]
    assert orders == {
        "passport": Statistic(
            2, Decimal("350.5"), START + timedelta(hours=1), START + timedelta(hours=5)
        ),
        "visa": Statistic(1, Decimal(0), START + timedelta(hours=2), START + timedelta(hours=2)),
    }


def test_first_and_last_time_are_the_earliest_and_the_latest():
    profile = folded(event("moved", hours=30, id="1"), event("moved", hours=3, id="2"))
    assert profile.values["first_seen"] == START + timedelta(hours=3)
    assert profile.values["last_seen"] == date(2026, 1, 2)


def visit(days_ago, /, *, id="1", type_="portal.visited", **data):
    """An event of the day so many days before ARRIVED."""
    return event(type_, hours=24 * (START_TO_ARRIVED - days_ago) + 23, id=id, **data)


def recently(profile, day):
    """The visible value of a windowed count on a day."""
    return count_within(day.toordinal(), profile.values.get("recent", NO_EVENTS), WINDOW)


def test_a_windowed_count_counts_events_by_day_until_their_day_leaves():
    profile = folded(visit(0, id="a"), visit(29, id="b"), visit(29, id="c"), visit(0, id="a"))
    assert profile.values["recent"] == (
        (ARRIVED.toordinal() - 29, 2),
        (ARRIVED.toordinal(), 1),
    )
    days = [ARRIVED + timedelta(days=ahead) for ahead in (0, 1, 29, 30)]
    assert [recently(profile, day) for day in days] == [3, 1, 1, 0]


def test_a_windowed_count_counts_an_event_once_however_many_of_its_feeds_take_it():
    profile = folded(
        visit(0, id="a", by="app"),
        visit(0, id="b", type_="portal.called", answered=True),
        visit(0, id="c", type_="portal.called", answered=False),
    )
    assert recently(profile, ARRIVED) == 2


def test_an_event_older_than_the_window_changes_nothing():
    profile = Profile("c1")
    result = fold(profile, arrived([visit(WINDOW + 1)], ARRIVED), FEEDS)
    assert (result.applied, result.unchanged) == (0, 1)
    assert profile == Profile("c1")


def test_days_that_have_left_the_window_go_when_one_more_event_is_counted():
    profile = folded(visit(29, id="old"))
    later = Arrival(visit(0, id="new"), ARRIVED + timedelta(days=3))
    fold(profile, [later], FEEDS)
    assert profile.values["recent"] == ((ARRIVED.toordinal(), 1),)


def test_a_windowed_count_that_is_full_refuses_the_event():
    profile = Profile("c1", values={"recent": ((ARRIVED.toordinal(), MAX_EVENTS),)})
    good = event("child.registered", id="good")
    result = fold(profile, arrived([visit(1), good], ARRIVED), FEEDS)
    [(_, error)] = result.refused
    assert (error.reason, error.detail) == ("out-of-range", "recent cannot hold one more event")
    assert profile.values == {"recent": ((ARRIVED.toordinal(), MAX_EVENTS),), "children": 1}


REFUSED = [
    ("document.issued", {"kind": "driving_licence", "expires": "soon"}, "wrong-type"),
    ("document.issued", {"kind": "driving_licence", "expires": "2030-02-30"}, "wrong-type"),
    ("document.issued", {"kind": "driving_licence", "expires": 20300101}, "wrong-type"),
    ("document.issued", {"kind": "driving_licence", "expires": "9999-01-01"}, "out-of-range"),
    ("moved", {"region": 77}, "wrong-type"),
    ("moved", {"region": "x" * 257}, "out-of-range"),
    ("moved", {"sex": "other"}, "unknown-value"),
    ("fine.issued", {"amount": "500"}, "wrong-type"),
    ("fine.issued", {"amount": True}, "wrong-type"),
    ("fine.issued", {"amount": Decimal("0.0000001")}, "out-of-range"),
    ("fine.issued", {"amount": 10**18}, "out-of-range"),
    ("service.ordered", {"service": 5}, "wrong-type"),
    ("service.ordered", {"service": ""}, "out-of-range"),
    ("service.ordered", {"service": "x" * 65}, "out-of-range"),
    ("service.ordered", {"service": "passport", "price": "free"}, "wrong-type"),
]


@pytest.mark.parametrize(("type_", "data", "reason"), REFUSED)
def test_a_value_of_the_wrong_type_refuses_the_event_and_only_it(type_, data, reason):
    profile = Profile("c1")
    good = event("child.registered", id="good")
    result = fold(profile, arrived([event(type_, id="bad", **data), good], ARRIVED), FEEDS)
    [(_, error)] = result.refused
    assert error.reason == reason
    assert profile.values == {"children": 1}


def test_a_refused_event_leaves_no_trace_in_other_attributes():
    bad = event("document.issued", kind="driving_licence", expires="soon")
    assert folded(bad).values == {}


def test_the_keys_of_a_statistic_are_limited():
    events = [
        event("service.ordered", id=str(n), service=f"s{n}") for n in range(MAX_STATISTIC_KEYS + 1)
    ]
    result = fold(Profile("c1"), arrived(events, ARRIVED), FEEDS)
    assert [error.reason for _, error in result.refused] == ["too-many-keys"]


def test_events_that_feed_nothing_are_no_error_and_no_change():
    profile = Profile("c1")
    result = fold(profile, arrived([event("weather.changed", colour="grey")], ARRIVED), FEEDS)
    assert (result.applied, result.unchanged, result.refused, profile.version) == (0, 0, (), 0)


moments = st.integers(0, 5)
histories = st.lists(
    st.one_of(
        st.builds(
            lambda h, r: ("moved", h, {"region": r}), moments, st.sampled_from(["50", "77", None])
        ),
        st.builds(
            lambda h, d: ("document.issued", h, {"kind": "driving_licence", "expires": d}),
            moments,
            st.sampled_from(["2030-01-01", "2031-01-01"]),
        ),
        st.builds(lambda h: ("document.revoked", h, {"kind": "driving_licence"}), moments),
        st.builds(lambda h: ("child.registered", h, {}), moments),
        st.builds(
            lambda d, by: ("portal.visited", 24 * (START_TO_ARRIVED - d), {"by": by}),
            st.integers(0, 40),
            st.sampled_from(["app", "web"]),
        ),
        st.builds(lambda h, a: ("fine.issued", h, {"amount": a}), moments, st.integers(1, 9)),
        st.builds(
            lambda h, s: ("service.ordered", h, {"service": s, "price": 1}),
            moments,
            st.sampled_from("ab"),
        ),
    ),
    max_size=8,
)


@given(histories, st.randoms(use_true_random=False), st.data())
def test_order_repetition_and_batches_do_not_matter(history, random, data):
    events = [event(t, hours=h, id=str(n), **d) for n, (t, h, d) in enumerate(history)]
    expected = folded(*events)
    shuffled = events + data.draw(
        st.lists(st.sampled_from(events), max_size=4) if events else st.just([])
    )
    random.shuffle(shuffled)
    cut = data.draw(st.integers(0, len(shuffled)))
    profile = Profile("c1")
    fold(profile, arrived(shuffled[:cut], ARRIVED), FEEDS)
    fold(profile, arrived(shuffled[cut:], ARRIVED), FEEDS)
    assert profile.values == expected.values
    assert profile.state == expected.state


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (event("child.registered"), True),
        (event("moved", region="77"), True),
        (event("document.revoked", kind="driving_licence"), True),
        (event("document.revoked", kind="passport"), False),
        (event("document.issued", kind="driving_licence", expires=5), False),
        (event("fine.issued"), False),
        (event("service.ordered", price=100), False),
        (event("unheard.of", region="77"), False),
        (visit(0), True),
    ],
)
def test_an_event_can_change_something_if_it_feeds_what_is_declared_with_what_it_has(
    sent, expected
):
    assert FEEDS.can_change(sent) is expected
    assert (folded(sent).version == 1) is expected


visits = st.lists(
    st.tuples(
        st.integers(WINDOW - 2, WINDOW + 2) | st.integers(-1, 2 * WINDOW),
        st.just(0) | st.integers(-DUPLICATE_DAYS, DUPLICATE_DAYS),
        st.integers(0, DUPLICATE_DAYS),
    ),
    max_size=8,
)
"""Visits: how many days before ARRIVED, when they arrived after it, how long after that again."""


@settings(max_examples=300)
@given(visits, st.data())
def test_a_windowed_count_is_the_same_in_every_order_of_events_and_arrivals(history, data):
    """On all days that anybody can have when the last one has arrived, and on all days after."""
    arrivals = [
        Arrival(visit(ago, id=str(number)), ARRIVED + timedelta(days=days))
        for number, (ago, days, _) in enumerate(history)
    ]
    if data.draw(st.booleans()):  # every event comes again; all within the days of duplicates
        arrivals = [each._replace(day=max(each.day, ARRIVED)) for each in arrivals]
        arrivals += [
            each._replace(day=ARRIVED + timedelta(days=again))
            for each, (_, _, again) in zip(arrivals, history, strict=True)
        ]
    profile = Profile("c1")
    for each in data.draw(st.permutations(arrivals)):
        assert fold(profile, [each], FEEDS).refused == ()
    last = max((each.day for each in arrivals), default=ARRIVED)
    first = last - timedelta(days=LAGGING_DAYS)
    for day in (first + timedelta(days=ahead) for ahead in range(2 * WINDOW)):
        since = day - timedelta(days=WINDOW)
        assert recently(profile, day) == len(
            {each.event.id for each in arrivals if each.event.time.date() > since}
        )
