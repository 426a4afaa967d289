"""Erasures on their way through the stages, with everything else that is on its way."""

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from quadrupel.bus import codec, message_codec, topics
from quadrupel.bus.event_codec import encode_event, event_message
from quadrupel.core import lifecycle
from quadrupel.core.channels import Delivered, RefusedForGood
from quadrupel.core.contacts import Contact
from quadrupel.core.events import Event
from quadrupel.core.messages import MessageKey
from quadrupel.core.ports import Outgoing
from quadrupel.core.profiles import Profile
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.publish import Publish
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.stages.send import Send
from quadrupel.store import contacts, message_desk, published, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.testing import MemoryBus

from .conftest import CATALOGUE, NOW, SCHEMA, TODAY, evaluator

STORE = ProfileStore(SCHEMA)
RULES = Rules(STORE, evaluator)


def event(type_, hours, user="c1", **data):
    return Event(f"{type_}/{hours}", "/registry", type_, user, NOW + timedelta(hours=hours), data)


CHILD = event("child.registered", -9)
ERASED = event(lifecycle.ERASED, -8)
REGISTERED = event(lifecycle.REGISTERED, -7)
CHILD_AGAIN = event("child.registered", -6)


class Flow:
    def __init__(self, engine, delivered):
        self.engine, self.delivered, self.today = engine, delivered, TODAY
        self._ingest = Ingest(engine, lambda: declared(SCHEMA), lambda: NOW)
        self._evaluate = EvaluateProfiles(engine, lambda: RULES, lambda _: self.today, lambda: NOW)
        self._publish = Publish(engine, lambda _: CATALOGUE, lambda: NOW)

    def ingest(self, *events):
        return self._ingest.process(self.delivered([event_message(each) for each in events]))

    def evaluate(self, outgoing):
        changed = [each for each in outgoing if each.topic == topics.PROFILES]
        return self._evaluate.process(self.delivered(changed))

    def publish(self, outgoing):
        return self._publish.process(self.delivered(outgoing))

    def run(self, *events):
        return self.publish(self.evaluate(self.ingest(*events)))

    def profile(self, user="c1"):
        with transaction(self.engine) as connection:
            return STORE.read_values(connection, [user]).get(user)

    def banners(self, user="c1"):
        with transaction(self.engine) as connection:
            state = published.lock(connection, [user])[user]
        return [banner.rule for banner in state.published.banners]

    def messages(self, user="c1"):
        with transaction(self.engine) as connection:
            return message_desk.find(connection, message_desk.Filter(user_id=user), 10)


@pytest.fixture
def flow(applied, delivered):
    return Flow(applied, delivered)


def reasons(flow, outgoing):
    letters = [each for each in outgoing if each.topic == topics.DEAD_LETTERS]
    return [codec.read_dead_letter(each).reason for each in flow.delivered(letters)]


def test_an_erasure_takes_profile_banners_and_messages_away(flow):
    flow.run(CHILD)
    assert flow.banners() == ["parent"]
    assert len(flow.messages()) == 1
    flow.run(ERASED)
    assert flow.profile() is None
    assert flow.banners() == []
    assert flow.messages() == []


def test_an_erased_user_is_opened_by_a_registration_and_starts_from_nothing(flow):
    flow.run(CHILD, event("moved", -9, region="77"), ERASED)
    assert reasons(flow, flow.ingest(CHILD_AGAIN)) == ["user-erased"]
    flow.run(REGISTERED, CHILD_AGAIN)
    assert flow.profile() == Profile("c1", 2, {"children": 1})
    assert flow.banners() == ["parent"]
    assert len(flow.messages()) == 1


def test_an_erasure_and_a_registration_in_one_batch_come_to_the_same(flow):
    flow.run(event("moved", -9, region="77"))
    flow.run(CHILD, ERASED, REGISTERED, CHILD_AGAIN)
    assert flow.profile() == Profile("c1", 2, {"children": 1})
    assert flow.banners() == ["parent"]


@pytest.mark.parametrize(
    ("events", "children", "refused"),
    [
        ([CHILD, ERASED, REGISTERED, CHILD_AGAIN], 1, 0),
        ([CHILD, ERASED, CHILD_AGAIN, REGISTERED], 0, 1),
        ([REGISTERED, CHILD_AGAIN, ERASED], 0, 0),
    ],
    ids=["in order", "refused before the registration", "a late erasure"],
)
def test_a_redelivered_batch_changes_nothing(flow, events, children, refused):
    batch = flow.delivered([event_message(each) for each in events])
    first = flow._ingest.process(batch)
    second = flow._ingest.process(batch)
    assert [each for each in second if each in first] == second
    assert len(reasons(flow, first)) == len(reasons(flow, second)) == refused
    assert flow.profile() == Profile("c1", 1, {"children": 1} if children else {})


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_an_evaluation_that_was_on_its_way_brings_no_banner_back(flow, days):
    flow.run(CHILD)
    flow.today += timedelta(days=days)
    on_its_way = flow.evaluate(flow.ingest(event("moved", -9, region="77")))
    flow.run(ERASED)
    outgoing = flow.publish(on_its_way)
    rounds = 0
    while outgoing:
        outgoing = flow.publish(flow.evaluate(outgoing))
        rounds += 1
    assert rounds <= 1
    assert flow.banners() == []
    assert flow.messages() == []


def test_an_evaluation_that_was_on_its_way_does_not_hide_what_came_after_a_registration(flow):
    flow.run(CHILD)
    on_its_way = flow.evaluate(flow.ingest(event("moved", -9, region="77")))
    flow.run(ERASED, REGISTERED, CHILD_AGAIN)
    flow.publish(flow.evaluate(flow.publish(on_its_way)))
    assert flow.banners() == ["parent"]


def test_a_registration_the_day_after_a_run_for_a_later_day_shows_at_once(flow):
    flow.today += timedelta(days=3)
    flow.run(CHILD)
    flow.today -= timedelta(days=3)
    flow.run(ERASED, REGISTERED, CHILD_AGAIN)
    assert flow.banners() == ["parent"]


def test_a_run_leaves_erased_users_out_and_adds_up(flow, small_rules, small_pages):
    flow.run(CHILD, event("child.registered", -9, "c2"), ERASED)
    bus = MemoryBus()
    bus.admin().create(topics.topics(1))
    consumer = bus.consumer(topics.RANGES, "test")
    lane = EvaluateRanges(flow.engine, small_pages, bus.producer(), consumer, "worker", lambda: NOW)
    start_run(flow.engine, "night", TODAY, small_rules, 10, NOW, full=True)
    fan_out(flow.engine, bus.producer(), NOW)
    lane.process(consumer.poll(1, 1))
    evaluated = [codec.read_verdicts(each) for each in bus.admin().browse(topics.VERDICTS)]
    assert [each.user_id for each in evaluated] == ["c2"]
    with transaction(flow.engine) as connection:
        run = runs.progress(connection, "night")
    assert (run.state, run.users, run.evaluated, run.skipped) == ("finished", 2, 1, 1)


def test_a_dead_letter_of_an_erased_user_has_reason_position_and_size_and_not_the_event(flow):
    flow.run(ERASED)
    late = event("moved", -9, region="a-word-that-tells")
    with capture_logs() as logs:
        [letter] = [each for each in flow.ingest(late) if each.topic == topics.DEAD_LETTERS]
    read = codec.read_dead_letter(flow.delivered([letter])[0])
    assert (read.stage, read.reason, read.topic) == ("ingest", "user-erased", topics.EVENTS)
    assert (read.key, read.body, read.size) == (None, b"", len(encode_event(late)))
    assert "a-word-that-tells" not in f"{letter}{logs}"
    assert "user.registered" in read.detail


def test_an_erasure_says_itself_that_the_banners_contain_it(flow):
    flow.run(CHILD)
    [changed] = flow.ingest(ERASED)
    assert flow.evaluate([changed]) == []
    cause = codec.read_changed_profile(flow.delivered([changed])[0]).cause
    with transaction(flow.engine) as connection:
        state = published.lock(connection, ["c1"])["c1"]
    assert state.published.contains == cause.position


def test_a_dead_letter_with_another_reason_keeps_its_bytes(flow):
    wrong = event("moved", -9, region=5)
    [letter] = [each for each in flow.ingest(wrong) if each.topic == topics.DEAD_LETTERS]
    assert codec.read_dead_letter(flow.delivered([letter])[0]).body == encode_event(wrong)


HOSTILE = [
    {"type": "user.erased", "subject": "c1", "time": "2026-11-23T12:00:00"},
    {"type": "user.erased", "subject": "c1", "time": "9999-12-31T00:00:00Z"},
    {"type": "user.erased", "subject": "c1\0", "time": "2026-11-23T11:00:00Z"},
    {"type": "user.erased", "subject": "*", "time": "2026-11-23T11:00:00Z"},
    {"type": "user.erased", "subject": ["c1"], "time": "2026-11-23T11:00:00Z"},
    {"type": "user.erased\n", "subject": "c1", "time": "2026-11-23T11:00:00Z"},
    {"type": "user.erased", "subject": "c1", "time": "2026-11-23T11:00:00Z", "data": [1]},
    {"type": "USER.ERASED", "subject": "c1", "time": "2026-11-23T11:00:00Z"},
    {"type": "user.erased", "subject": "C1", "time": "2026-11-23T11:00:00Z"},
    {"type": "user.erased", "subject": "c1", "time": "1900-01-01T00:00:00Z", "data": {}, "x-y": 1},
]


@pytest.mark.parametrize("fields", HOSTILE, ids=lambda fields: str(list(fields.values()))[:60])
def test_what_only_looks_like_an_erasure_erases_nobody_else(flow, fields):
    flow.run(CHILD)
    whole = {"specversion": "1.0", "id": "e", "source": "/x", **fields}
    message = Outgoing(topics.EVENTS, b"c1", json.dumps(whole).encode())
    flow._ingest.process(flow.delivered([message]))
    assert flow.profile() == Profile("c1", 1, {"children": 1})
    assert flow.banners() == ["parent"]


class Channel:
    """Does something while it hands over, and answers."""

    concurrency = 1

    def __init__(self, meanwhile, answer):
        self.meanwhile, self.answer, self.given = meanwhile, answer, 0

    async def deliver(self, _envelope):
        self.given += 1
        self.meanwhile()
        return self.answer

    async def close(self):
        pass


def sender(flow, meanwhile=lambda: None, answer=None):
    channel = Channel(meanwhile, answer or Delivered())
    with transaction(flow.engine) as connection:
        contacts.save(connection, [Contact("c1", "c1@example.org", "en", {"email": True})], NOW)
    return Send(flow.engine, {"email": channel}, lambda: NOW), channel


def test_a_message_that_is_on_the_bus_when_its_user_is_erased_is_not_sent(flow):
    outgoing = flow.run(CHILD)
    send, channel = sender(flow)
    flow.run(ERASED)
    assert send.process(flow.delivered(outgoing)) == []
    send.idle()
    send.close()
    assert channel.given == 0
    assert flow.messages() == []


@pytest.mark.parametrize(
    "answer", [Delivered(), RefusedForGood("550 no such user", about_address=True)]
)
def test_a_message_whose_user_is_erased_while_it_is_handed_over_leaves_nothing(flow, answer):
    outgoing = flow.run(CHILD)
    send, channel = sender(flow, lambda: flow.run(ERASED), answer)
    assert send.process(flow.delivered(outgoing)) == []
    send.close()
    assert channel.given == 1
    assert flow.messages() == []
    with transaction(flow.engine) as connection:
        assert contacts.suppressed(connection, ["c1"]) == []


def test_a_message_nobody_recorded_for_an_erased_user_is_left_alone(flow):
    flow.run(ERASED)
    send, channel = sender(flow)
    key = MessageKey("c1", "rule:parent", "once", "email")
    assert send.process(flow.delivered([message_codec.outgoing(key)])) == []
    send.close()
    assert channel.given == 0
