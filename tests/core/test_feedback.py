from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event
from quadrupel.core.feedback import (
    MAX_AGE,
    MAX_EPISODES,
    SOURCE,
    TYPES,
    Action,
    Given,
    beyond_limit,
    check_age,
    check_outside,
    feedback_event,
    read_feedback,
)
from quadrupel.core.profiles import DUPLICATE_DAYS

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def given(rule="fine", episode="2026-11-20", action=Action.SEEN, time=NOON):
    return Given(rule, episode, action, time)


@pytest.mark.parametrize("action", Action)
def test_an_event_tells_what_was_given(action):
    event = feedback_event("c1", given(action=action))
    assert (event.source, event.type, event.subject) == (SOURCE, f"banner.{action}", "c1")
    assert read_feedback(event) == given(action=action)


def test_the_time_of_an_event_is_in_utc_whatever_the_zone():
    omsk = timezone(timedelta(hours=6))
    event = feedback_event("c1", given(time=NOON.astimezone(omsk)))
    assert event == feedback_event("c1", given())
    assert event.time.tzinfo is UTC


def test_the_same_action_of_the_same_day_is_the_same_event():
    first = feedback_event("c1", given())
    assert feedback_event("c1", given(time=NOON + timedelta(hours=11))).identity == first.identity
    others = [
        feedback_event("c2", given()),
        feedback_event("c1", given(time=NOON + timedelta(hours=12))),
        feedback_event("c1", given(rule="fin", episode="e2026-11-20")),
        feedback_event("c1", given(episode="2026-11-21")),
        feedback_event("c1", given(action=Action.CLICKED)),
    ]
    assert len({first.identity, *(each.identity for each in others)}) == 6


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"episode": "e"}, "banner"),
        ({"banner": "b"}, "episode"),
        ({"banner": 5, "episode": "e"}, "banner"),
        ({"banner": "b", "episode": None}, "episode"),
        ({"banner": "b" * 65, "episode": "e"}, "64 characters"),
        ({"banner": "b", "episode": "e" * 257}, "256 characters"),
        ({"banner": "", "episode": "e"}, "banner"),
    ],
)
def test_an_event_that_tells_of_no_banner_is_refused(data, words):
    event = Event("1", SOURCE, "banner.seen", "c1", NOON, data)
    with pytest.raises(EventRefused, match=words) as refused:
        read_feedback(event)
    assert refused.value.reason == "wrong-type"


def test_feedback_of_another_source_is_refused_and_so_is_its_source_elsewhere():
    good = {"banner": "b", "episode": "e"}
    forged = Event("1", "/crm", "banner.dismissed", "c1", NOON, good)
    with pytest.raises(EventRefused, match="reserved"):
        read_feedback(forged)
    for event in (forged, Event("1", SOURCE, "user.erased", "c1", NOON, {})):
        with pytest.raises(EventRefused, match="reserved"):
            check_outside(event)
    check_outside(Event("1", "/crm", "banner.shown", "c1", NOON, good))


def test_feedback_is_never_older_than_the_fold_remembers():
    assert timedelta(days=DUPLICATE_DAYS) > MAX_AGE
    event = feedback_event("c1", given())
    check_age(event, NOON + MAX_AGE)
    with pytest.raises(EventRefused, match="too-old"):
        check_age(event, NOON + MAX_AGE + timedelta(microseconds=1))


def test_types_are_of_the_actions():
    assert set(TYPES) == {"banner.seen", "banner.clicked", "banner.dismissed"}


def test_beyond_the_limit_what_happened_first_fits_first():
    days = [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(MAX_EPISODES + 2)]
    all_given = [
        given(episode=day, time=NOON + timedelta(seconds=number)) for number, day in enumerate(days)
    ]
    assert beyond_limit(all_given[:MAX_EPISODES], ()) == set()
    assert beyond_limit(reversed(all_given), ()) == {("fine", day) for day in days[-2:]}
    known = {("fine", day) for day in days[:MAX_EPISODES]}
    again = [given(episode=days[0], action=Action.DISMISSED), all_given[-1]]
    assert beyond_limit(again, known) == {("fine", days[-1])}
