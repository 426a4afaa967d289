"""The stages one after the other on a real database, fed by hand."""

import json
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core.events import Event
from quadrupel.core.ports import Outgoing
from quadrupel.core.positions import Cause, Position
from quadrupel.core.profiles import Profile
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.publish import Publish
from quadrupel.store import published
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import CATALOGUE, NOW, SCHEMA, TODAY, evaluator
from .flow_by_hand import STORE, Flow, arriving, by_topic, event


def cause(offset):
    return Cause(0, offset, NOW)


def profiles(engine, *users):
    with transaction(engine) as connection:
        return STORE.read_values(connection, users)


@pytest.fixture
def flow(applied, delivered):
    return Flow(applied, delivered)


def test_an_event_becomes_a_banner_and_a_message(flow):
    outgoing = flow.events(event("c1", "child.registered"), event("c1", "moved", 2, region="77"))
    assert flow.rules("c1") == ["parent", "moscow"]
    [message] = by_topic(outgoing, topics.MESSAGES)
    assert json.loads(message.value) == {
        "user_id": "c1",
        "origin": "rule:parent",
        "episode": "once",
        "channel": "email",
    }


def test_a_batch_redelivered_to_ingest_changes_nothing_and_hands_on_again(applied, delivered):
    ingest = Ingest(applied, lambda: declared(SCHEMA), lambda: NOW)
    batch = delivered(arriving(event("c1", "child.registered")))
    first, second = ingest.process(batch), ingest.process(batch)
    assert first == second == [codec.changed_profile("c1", cause=cause(0))]
    assert profiles(applied, "c1")["c1"] == Profile("c1", 1, {"children": 1})


def test_a_batch_redelivered_to_publish_changes_nothing_and_gives_its_message_again(
    flow, delivered
):
    changed = flow.ingest.process(delivered(arriving(event("c1", "child.registered"))))
    verdicts = delivered(flow.evaluate.process(delivered(changed)))
    first, second = flow.publish.process(verdicts), flow.publish.process(verdicts)
    assert first == second
    with transaction(flow.engine) as connection:
        assert published.version(connection, "c1") == 1


def test_a_message_whose_worker_died_is_handed_on_although_a_newer_evaluation_came_with_it(
    flow, delivered
):
    verdicts = []
    for number, made in enumerate(
        (event("c1", "child.registered"), event("c1", "moved", 2, region="77"))
    ):
        changed = flow.ingest.process(delivered(arriving(made)))
        asked = EvaluateProfiles(
            flow.engine,
            lambda: Rules(ProfileStore(SCHEMA), evaluator),
            lambda _: TODAY,
            lambda number=number: NOW + timedelta(seconds=number),
        )
        verdicts += delivered(asked.process(delivered(changed)))
    first = by_topic(flow.publish.process(verdicts[:1]), topics.MESSAGES)
    again = by_topic(flow.publish.process(verdicts), topics.MESSAGES)
    assert first == again != []
    assert flow.rules("c1") == ["parent", "moscow"]


def test_evaluations_that_come_together_for_the_first_time_hand_a_message_on_once(flow, delivered):
    both = flow.ingest.process(
        delivered(arriving(event("c1", "child.registered"), event("c2", "child.registered")))
    )
    verdicts = delivered(flow.evaluate.process(delivered(both)))
    outgoing = flow.publish.process([*verdicts, *verdicts])
    assert len(by_topic(outgoing, topics.MESSAGES)) == 2


def test_poison_goes_to_the_dead_letters_with_reason_and_bytes_and_delays_nothing(flow, delivered):
    poison = [b"\xff\xfe", b"{}", b"", b"[" * 100_000]
    wrong = event("c2", "moved", region=77)
    batch = delivered(
        [
            *(Outgoing(topics.EVENTS, b"x", value) for value in poison),
            *arriving(wrong, event("c1", "child.registered")),
        ]
    )
    outgoing = flow.ingest.process(batch)
    dead = [
        codec.read_dead_letter(each) for each in delivered(by_topic(outgoing, topics.DEAD_LETTERS))
    ]
    assert [letter.body for letter in dead] == [*poison, encode_event(wrong)]
    assert [letter.offset for letter in dead] == [0, 1, 2, 3, 4]
    assert all(letter.stage == "ingest" and letter.detail for letter in dead)
    assert dead[-1].reason == "wrong-type"
    assert [
        codec.read_changed_profile(each).cause
        for each in delivered(by_topic(outgoing, topics.PROFILES))
    ] == [cause(5), cause(4)]


def test_an_event_from_the_future_is_put_aside_and_judged_by_the_time_the_bus_took_it(
    flow, delivered
):
    ahead = Event("2", "/registry", "child.registered", "c1", NOW + timedelta(minutes=6), {})
    batch = delivered(arriving(event("c1", "child.registered"), ahead))
    for _ in range(2):
        _, dead = flow.ingest.process(batch)
        [letter] = map(codec.read_dead_letter, delivered([dead]))
        assert (letter.reason, letter.body) == ("in-the-future", encode_event(ahead))
    assert profiles(flow.engine, "c1")["c1"].values == {"children": 1}


def test_poison_as_large_as_the_bus_takes_still_fits_into_a_dead_letter(flow, delivered):
    key, value = b"k" * 1_000_000, b"x" * (topics.MESSAGE_LIMIT - 1_000_000)
    [letter] = flow.ingest.process(delivered([Outgoing(topics.EVENTS, key, value)]))
    topics.check_sizes([letter])
    [read] = map(codec.read_dead_letter, delivered([letter]))
    assert read.size == len(value)
    assert value.startswith(read.body)
    assert len(read.body) == codec.DEAD_LETTER_BYTES


CAUSE = b'{"user_id":"c1","cause":{"partition":0,"offset":%d,"arrived_at":"2026-11-23T12:00:00%s"}}'
HUGE, NAIVE = CAUSE % (2**63, b"Z"), CAUSE % (1, b"")


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"null", b'{"user_id": 5}', b"\xff", b"[" * 10_000, HUGE, NAIVE]
)
def test_poison_on_the_inner_topics_is_put_aside_too(flow, delivered, value):
    [letter] = flow.evaluate.process(delivered([Outgoing(topics.PROFILES, b"x", value)]))
    assert letter.topic == topics.DEAD_LETTERS
    [letter] = flow.publish.process(delivered([Outgoing(topics.VERDICTS, b"x", value)]))
    assert letter.topic == topics.DEAD_LETTERS


USER_NUL = b'{"user_id":"a\\u0000"}'


@pytest.mark.parametrize("value", [USER_NUL, b'{"user_id":"a,b"}', b'{"user_id":""}'])
def test_a_changed_profile_of_no_user_is_put_aside(flow, delivered, value):
    [letter] = flow.evaluate.process(delivered([Outgoing(topics.PROFILES, b"x", value)]))
    assert codec.read_dead_letter(*delivered([letter])).reason == "bad-message"


MATCH = {"rule": "moscow", "once_per": "2026", "values": {"region": "77"}}


def verdicts(**changes):
    fields = {
        "user_id": "c1",
        "profile_version": 1,
        "as_of": "2026-11-23",
        "evaluated_at": "2026-11-23T12:00:00Z",
        "rule_set": "r",
        "matches": [MATCH],
    }
    return Outgoing(topics.VERDICTS, b"x", json.dumps(fields | changes).encode())


@pytest.mark.parametrize(
    "changes",
    [
        *({"user_id": user} for user in ("", "c1,c2", "c 1", "{c1}", "c" * 65, "c\0")),
        {"rule_set": "a\nb"},
        {"rule_set": "a\0"},
        {"evaluated_at": "2026-11-23T12:00:00"},
        {"evaluated_at": "0001-01-01T00:00:00+14:00"},
        {"evaluated_at": "9999-12-31T23:59:59-14:00"},
        {"profile_version": -1},
        {"profile_version": 2**63},
        {"profile_version": 99999999999999999999},
        {"matches": [MATCH, MATCH]},
        {"matches": [MATCH, MATCH | {"once_per": "2027"}]},
        {"matches": [MATCH, MATCH | {"rule": "expiring"}]},
        *(
            {"matches": [MATCH | each]}
            for each in (
                {"rule": "moscow\0"},
                {"once_per": "2026\0"},
                {"once_per": "2" * 257},
                {"values": {"region": "77\0"}},
                {"values": {"region\0": "77"}},
            )
        ),
    ],
)
def test_verdicts_that_nobody_can_have_given_are_put_aside(flow, delivered, changes):
    [letter] = flow.publish.process(delivered([verdicts(**changes)]))
    assert codec.read_dead_letter(*delivered([letter])).reason == "bad-message"


def test_verdicts_at_the_limits_of_what_there_can_be_are_published(flow, delivered):
    told = {"once_per": "2" * 256, "values": {"region": r"\u0000"}}
    changes = {"profile_version": 2**63 - 1, "matches": [MATCH | told]}
    assert flow.publish.process(delivered([verdicts(**changes)])) == []
    assert flow.rules("c1") == ["moscow"]


def test_a_user_without_a_profile_is_not_evaluated(flow, delivered):
    assert flow.evaluate.process(delivered([codec.changed_profile("nobody")])) == []


def test_a_user_named_twice_is_evaluated_once_on_the_latest_day_asked_for(flow, delivered):
    flow.events(event("c1", "child.registered"))
    later = TODAY + timedelta(days=3)
    batch = delivered([codec.changed_profile("c1", later), codec.changed_profile("c1")])
    [verdict] = delivered(flow.evaluate.process(batch))
    assert codec.read_verdicts(verdict).as_of == later


def test_an_event_after_a_run_for_a_later_day_is_evaluated_again_for_that_day(flow, delivered):
    flow.events(event("c1", "child.registered"))
    later = TODAY + timedelta(days=3)
    night = evaluator(profiles(flow.engine, "c1")["c1"], later, NOW)
    flow.publish.process(delivered([codec.verdicts(night)]))
    [again] = flow.events(event("c1", "moved", 2, region="77"))
    assert again == codec.changed_profile("c1", later, cause(4))
    flow.publish.process(delivered(flow.evaluate.process(delivered([again]))))
    assert flow.rules("c1") == ["parent", "moscow"]
    assert flow.contains("c1") == Position(0, 4)


def test_the_published_set_says_up_to_which_event_whatever_became_of_it(flow):
    flow.events(event("c1", "child.registered"))
    assert flow.contains("c1") == Position(0, 0)
    for number, unchanging in (
        (3, event("c1", "child.registered")),
        (6, event("c1", "moved", 2, region=77)),
        (9, event("c1", "moved", 3, district="none that is declared")),
    ):
        flow.events(unchanging)
        assert flow.contains("c1") == Position(0, number)
    assert flow.version("c1") == 1


def test_who_has_only_events_that_feed_nothing_is_not_handed_on(flow, delivered):
    assert flow.ingest.process(delivered(arriving(event("c1", "heard.of.nowhere")))) == []


def test_of_several_events_of_a_user_the_last_is_kept_through_every_batch(flow, delivered):
    batches = [
        delivered(flow.ingest.process(delivered(arriving(*events))))
        for events in (
            [event("c1", "child.registered"), event("c1", "moved", 2, region="77")],
            [event("c1", "child.registered", 3)],
        )
    ]
    [verdict] = flow.evaluate.process([*batches[1], *batches[0]])
    assert codec.read_verdicts(delivered([verdict])[0]).cause == cause(3)
    [first], [second] = (flow.evaluate.process(batch) for batch in batches)
    flow.publish.process(delivered([second, first]))
    assert flow.contains("c1") == Position(0, 3)


def test_what_publish_has_already_is_contained_as_soon_as_an_evaluation_says_so(flow, delivered):
    changed = flow.ingest.process(delivered(arriving(event("c1", "child.registered"))))
    night = evaluator(profiles(flow.engine, "c1")["c1"], TODAY, NOW + timedelta(seconds=1))
    flow.publish.process(delivered([codec.verdicts(night)]))
    assert flow.contains("c1") is None
    flow.publish.process(delivered(flow.evaluate.process(delivered(changed))))
    assert flow.contains("c1") == Position(0, 0)
    assert flow.version("c1") == 1


def test_the_time_to_the_banner_is_observed_once_for_each_event_that_came_in(flow, delivered):
    def observed():
        name = "quadrupel_event_to_banner_seconds"
        return [REGISTRY.get_sample_value(f"{name}_{part}") for part in ("count", "sum")]

    changed = flow.ingest.process(delivered(arriving(event("c1", "child.registered"))))
    verdicts = delivered(flow.evaluate.process(delivered(changed)))
    late = Publish(flow.engine, lambda _: CATALOGUE, lambda: NOW + timedelta(seconds=2))
    count, total = observed()
    late.process(verdicts)
    late.process(verdicts)
    assert observed() == [count + 1, total + 2.0]
