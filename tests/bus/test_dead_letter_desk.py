"""The desk on the in-memory bus: what lies on it, what is replayed and dropped, and crashes."""

from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.bus import codec, topics
from quadrupel.bus import dead_letter_desk as desk
from quadrupel.bus.dead_letter_desk import Wanted
from quadrupel.core.errors import BusUnavailable, EventRefused, InputRefused
from quadrupel.core.ports import Message, Outgoing
from quadrupel.testing import MemoryBus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Topic:
    """A bus whose events were put aside."""

    def __init__(self):
        self.bus = MemoryBus(lambda: NOW)
        self.bus.admin().create(topics.topics(3))
        self.admin, self.producer = self.bus.admin(), self.bus.producer()
        self.offset = 0

    def put_aside(self, key=b"c1", value=b"{", reason="not-json", stage="ingest", topic=None):
        """Put an input aside; returns its message, to be put aside again."""
        self.offset += 1
        message = Message(topic or topics.EVENTS, 0, self.offset, key, value, NOW)
        self.again(message, reason, stage)
        return message

    def again(self, message, reason="not-json", stage="ingest"):
        self.producer.publish([codec.dead_letter(stage, message, EventRefused(reason, "because"))])

    def survey(self, **wanted):
        return desk.survey(self.admin, Wanted(**wanted))

    def entries(self, decided=False, **wanted):
        return list(desk.entries(self.admin, self.survey(**wanted), decided=decided))

    def positions(self, **wanted):
        return sorted(entry.letter.position for entry in self.entries(**wanted))

    def events(self):
        return [(each.key, each.value) for each in self.admin.browse(topics.EVENTS)]

    def replay(self, **wanted):
        return sum(desk.replay(self.producer, self.entries(**wanted), LATER))

    def drop(self, **wanted):
        return sum(desk.drop(self.producer, self.entries(**wanted), LATER))


@pytest.fixture
def topic():
    return Topic()


def position(message):
    return f"{message.topic}/{message.partition}/{message.offset}"


def test_a_letter_keeps_what_is_needed_to_understand_and_to_replay(topic):
    topic.put_aside(b"c7", b"\xff{")
    [entry] = topic.entries()
    letter = entry.letter
    assert (letter.stage, letter.reason, letter.detail) == ("ingest", "not-json", "because")
    assert (letter.key, letter.body, letter.size) == (b"c7", b"\xff{", 2)
    assert letter.first_seen == NOW
    assert letter.position == "quadrupel.events/0/1"
    assert (entry.times, entry.decision, entry.obstacle) == (1, None, None)


def test_a_position_that_was_put_aside_again_is_one_letter(topic):
    message = topic.put_aside()
    topic.put_aside()
    topic.again(message)
    topic.again(message)
    assert topic.survey().undecided == 2
    assert [entry.times for entry in topic.entries()] == [3, 1]


def test_letters_are_found_by_reason_stage_and_position(topic):
    first = topic.put_aside(reason="wrong-type")
    second = topic.put_aside(stage="publish")
    third = topic.put_aside(reason="wrong-type", stage="publish")
    assert topic.positions() == [position(each) for each in (first, second, third)]
    assert topic.positions(reason="wrong-type") == [position(first), position(third)]
    assert topic.positions(stage="publish") == [position(second), position(third)]
    assert topic.positions(reason="wrong-type", stage="ingest") == [position(first)]
    assert topic.positions(positions=frozenset([position(second)])) == [position(second)]
    assert topic.positions(reason="nothing") == []
    noted = topic.survey(reason="wrong-type")
    assert (noted.reasons, noted.stages) == ({"wrong-type", "not-json"}, {"ingest", "publish"})


def test_a_replay_publishes_the_original_and_then_the_decision_behind_the_letter(topic):
    message = topic.put_aside(b"c1", b"\x00\xffthe bytes")
    assert topic.replay() == 1
    assert topic.events() == [(b"c1", b"\x00\xffthe bytes")]
    assert topic.entries() == []
    [entry] = topic.entries(decided=True)
    assert entry.decision == codec.Decision("replayed", position(message), LATER)
    [letter, decision] = topic.admin.browse(topics.DEAD_LETTERS)
    assert (letter.partition, letter.key) == (decision.partition, decision.key)


def test_a_dropped_letter_is_listed_no_more_and_nothing_is_replayed(topic):
    topic.put_aside(reason="wrong-type")
    topic.put_aside()
    assert topic.drop(reason="wrong-type") == 1
    assert len(topic.entries()) == 1
    assert {
        entry.decision and entry.decision.decision for entry in topic.entries(decided=True)
    } == {
        "dropped",
        None,
    }
    assert topic.events() == []


def test_a_decision_stands_when_the_batch_is_put_aside_again(topic):
    message = topic.put_aside()
    topic.drop()
    topic.again(message)
    assert topic.survey().undecided == 0
    assert topic.entries() == []
    [entry] = topic.entries(decided=True)
    assert entry.times == 2


def test_what_was_dropped_can_be_replayed_and_the_last_decision_is_shown(topic):
    topic.put_aside()
    topic.drop()
    assert sum(desk.replay(topic.producer, topic.entries(decided=True), LATER)) == 1
    [entry] = topic.entries(decided=True)
    assert entry.decision is not None
    assert entry.decision.decision == "replayed"


def test_a_crash_between_replay_and_decision_leaves_the_letter_to_be_replayed_again(topic):
    topic.put_aside(b"c1", b"one")

    class Crashing:
        def publish(self, messages):
            if messages[0].topic == topics.DEAD_LETTERS:
                raise BusUnavailable("away")
            topic.producer.publish(messages)

    with pytest.raises(BusUnavailable):
        list(desk.replay(Crashing(), topic.entries(), LATER))
    assert topic.survey().undecided == 1
    assert topic.replay() == 1
    assert topic.events() == [(b"c1", b"one")] * 2


def test_many_letters_are_replayed_in_chunks_of_bounded_size(topic):
    for number in range(1_200):
        topic.put_aside(b"c%d" % number, b"%d" % number)
    assert list(desk.replay(topic.producer, topic.entries(), LATER)) == [500, 500, 200]
    assert sorted(value for _, value in topic.events()) == sorted(b"%d" % n for n in range(1_200))
    large = [topic.put_aside(b"c", bytes(codec.DEAD_LETTER_BYTES)) for _ in range(10)]
    assert list(desk.drop(topic.producer, topic.entries(), LATER)) == [8, 2]
    assert len(large) == 10


def test_an_input_without_a_key_is_replayed_with_the_key_of_its_letter(topic):
    message = topic.put_aside(None, b"no key")
    topic.put_aside(b"", b"empty key")
    topic.replay()
    assert sorted(topic.events()) == [(b"", b"empty key"), (position(message).encode(), b"no key")]


def test_every_topic_that_is_read_can_be_replayed_to(topic):
    for lane in topics.LANES:
        topic.put_aside(topic=lane.topic, stage=lane.stage)
    assert topic.replay() == len(topics.LANES)
    for lane in topics.LANES:
        assert [each.value for each in topic.admin.browse(lane.topic)] == [b"{"]


OBSTACLES = [
    ({"value": bytes(codec.DEAD_LETTER_BYTES + 1)}, "only the first 1,048,576 of its 1,048,577"),
    ({"reason": "user-erased"}, "its user was erased"),
    ({"key": b"k" * 2_000}, "only the start of its key"),
    ({"topic": "somebody.else"}, "no stage reads its topic"),
    ({"topic": topics.DEAD_LETTERS}, "no stage reads its topic"),
]


@pytest.mark.parametrize(("letter", "says"), OBSTACLES, ids=[says for _, says in OBSTACLES])
def test_what_cannot_be_replayed_says_why(topic, letter, says):
    topic.put_aside(**letter)
    [entry] = topic.entries()
    assert says in (entry.obstacle or "")


def test_a_body_that_just_fits_is_replayed(topic):
    topic.put_aside(value=bytes(codec.DEAD_LETTER_BYTES))
    [entry] = topic.entries()
    assert entry.obstacle is None


LETTER = {
    "stage": "ingest", "reason": "r", "detail": "d", "topic": "t", "partition": 0, "offset": 0,
    "key": "a2V5", "size": 1, "body": "Ym9keQ==", "first_seen": "2026-11-23T12:00:00Z",
}  # fmt: skip
DECISION = {"decision": "dropped", "position": "t/0/0", "at": "2026-11-23T12:00:00Z"}
HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff",
    b"{",
    b"[" * 100_000,
    codec._encode(LETTER | {"body": "no base64!"}),
    codec._encode(LETTER | {"body": None}),
    codec._encode(LETTER | {"partition": "0"}),
    codec._encode(LETTER | {"offset": 1.5}),
    codec._encode(LETTER | {"first_seen": "yesterday"}),
    codec._encode({name: LETTER[name] for name in LETTER if name != "topic"}),
    codec._encode(DECISION | {"decision": "forgotten"}),
    codec._encode(DECISION | {"decision": 5}),
    codec._encode(DECISION | {"position": None}),
    codec._encode(DECISION | {"at": 0}),
]


@pytest.mark.parametrize("value", HOSTILE)
def test_what_others_write_on_the_topic_is_counted_and_hides_nothing(topic, value):
    topic.put_aside()
    topic.producer.publish([Outgoing(topics.DEAD_LETTERS, b"c1", value)])
    topic.put_aside()
    noted = topic.survey()
    assert (noted.unreadable, noted.undecided) == (1, 2)
    assert len(topic.entries()) == 2
    [foreign] = [each for each in topic.admin.browse(topics.DEAD_LETTERS) if each.value == value]
    with pytest.raises(InputRefused, match="bad-message"):
        codec.read_dead_letter_or_decision(foreign)


def test_a_letter_of_a_later_version_is_read(topic):
    value = codec._encode(LETTER | {"something": "new"})
    topic.producer.publish([Outgoing(topics.DEAD_LETTERS, b"k", value)])
    assert topic.positions() == ["t/0/0"]


def test_undecided_letters_are_counted_unless_the_topic_is_too_long(topic):
    assert desk.count_undecided(topic.admin, most=10) == 0
    for _ in range(3):
        topic.put_aside()
    topic.drop(positions=frozenset([topic.entries()[0].letter.position]))
    assert desk.count_undecided(topic.admin, most=4) == 2
    assert desk.count_undecided(topic.admin, most=3) is None
