"""Windowed counts, as events are folded into them and days pass."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from quadrupel.core.profiles import DUPLICATE_DAYS, Arrival, Profile, arrived, fold
from quadrupel.core.windows import LAGGING_DAYS, MAX_EVENTS, NO_EVENTS, count_within

from .folding import ARRIVED, FEEDS, WINDOW, event, folded, visit


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
