"""Events folded into profiles: what they make of values, and which are refused."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.marks import event_tag
from quadrupel.core.profiles import MAX_STATISTIC_KEYS, Profile, arrived, fold
from quadrupel.core.values import Statistic

from .folding import ARRIVED, FEEDS, START, START_TO_ARRIVED, event, folded, visit


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
    ("fine.issued", {"amount": -(10**18)}, "out-of-range"),
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
        (event("user.registered"), True),
        (visit(0), True),
    ],
)
def test_an_event_can_change_something_if_it_feeds_what_is_declared_with_what_it_has(
    sent, expected
):
    assert FEEDS.can_change(sent) is expected
    assert (folded(sent).version == 1) is expected


def test_of_types_that_nothing_declared_wants_nothing_is_remembered():
    before = event_tag.cache_info().currsize
    for number in range(100):
        made_up = event(f"fine.{number}")
        assert not FEEDS.can_change(made_up)
        assert folded(made_up).version == 0
    assert event_tag.cache_info().currsize == before
