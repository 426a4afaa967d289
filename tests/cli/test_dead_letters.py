import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from quadrupel.bus import codec, topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.errors import EventRefused
from quadrupel.core.ports import Outgoing
from quadrupel.store import halts
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
INPUTS = [
    (b"c1", b"[bold]not an event\xff", "not-json"),
    (b"c2", b'{"text": "a\xe2\x80\xa8b\xc2\x85c"}', "missing-attribute"),
    (b"c3", b"{", "not-json"),
    (b"c4", bytes(codec.DEAD_LETTER_BYTES + 1), "too-large"),
]


class Desk:
    """The command, on a topic with INPUTS put aside; the first of them twice."""

    def __init__(self, quadrupel, url):
        self.quadrupel, self.url = quadrupel, url
        with closing(PostgresBus(url)) as bus, closing(bus.producer()) as producer:
            producer.publish([Outgoing(topics.EVENTS, key, value) for key, value, _ in INPUTS])
            self.poison = sorted(bus.admin().browse(topics.EVENTS), key=lambda each: each.key)
            letters = [
                codec.dead_letter("ingest", message, EventRefused(reason, f"it is {reason}"))
                for message, (_, _, reason) in zip(self.poison, INPUTS, strict=True)
            ]
            producer.publish([*letters, letters[0]])

    def __call__(self, *arguments):
        return self.quadrupel("dead-letters", *arguments)

    def position(self, number):
        message = self.poison[number]
        return f"{message.topic}/{message.partition}/{message.offset}"

    def listed(self, *arguments):
        called = self("list", "--json", *arguments)
        assert called.code == 0
        return {each["position"]: each for each in json.loads(called.out)}

    def events(self):
        """What is on the topic of events beside INPUTS."""
        with closing(PostgresBus(self.url)) as bus:
            found = [each for each in bus.admin().browse(topics.EVENTS) if each not in self.poison]
            return sorted((each.key, each.value) for each in found)


@pytest.fixture
def desk(quadrupel, migrated_url):
    assert quadrupel("bus", "create", database_url=migrated_url, partitions=3).code == 0
    return Desk(quadrupel, migrated_url)


def test_what_waits_for_a_decision_is_listed_once_with_what_is_known_of_it(desk):
    listed = desk.listed()
    assert listed.keys() == {desk.position(number) for number in range(4)}
    first = listed[desk.position(0)]
    assert (first["stage"], first["reason"], first["times"]) == ("ingest", "not-json", 2)
    assert first["decision"] is None
    assert first["replayable"]
    assert not listed[desk.position(3)]["replayable"]
    assert listed[desk.position(1)]["body"] == '{"text": "a\u2028b\x85c"}'
    table = desk("list").out
    assert desk.position(0) in table
    assert "4 dead letters" in table


def test_the_list_is_narrowed_and_says_when_there_is_more(desk):
    assert desk.listed("--reason", "not-json").keys() == {desk.position(0), desk.position(2)}
    assert desk.listed("--stage", "publish") == {}
    called = desk("list", "--limit", "3", "--json")
    assert len(json.loads(called.out)) == 3
    assert "these are 3 of 4; --limit shows more" in called.err


def test_one_is_shown_with_its_bytes_and_its_history(desk):
    shown = desk("show", desk.position(0)).out
    assert "not-json: it is not-json" in shown
    assert "[bold]not an event\\xff" in shown
    assert "put aside 2 times" in shown
    assert "only the first 1,048,576" in desk("show", desk.position(3)).out
    assert json.loads(desk("show", desk.position(2), "--json").out)["body"] == "{"


def test_named_ones_are_replayed_byte_for_byte(desk):
    called = desk("replay", desk.position(0), desk.position(1))
    assert called.out == "2 dead letters were replayed\n"
    assert desk.events() == [(key, value) for key, value, _ in INPUTS[:2]]
    assert desk.listed().keys() == {desk.position(2), desk.position(3)}
    made = desk.listed("--all")[desk.position(0)]["decision"]
    assert made["decision"] == "replayed"
    assert "replayed" in desk("list", "--all").out
    assert "replayed 20" in desk("show", desk.position(0)).out


def test_all_of_a_reason_are_counted_first_and_replayed_after_a_confirmation(desk):
    asked = desk("replay", "--reason", "not-json")
    assert asked.code == 1
    assert "that would be 2 dead letters; say --confirm" in asked.err
    assert desk.events() == []
    done = desk("replay", "--reason", "not-json", "--confirm", "--json")
    assert json.loads(done.out) == {"replayed": 2, "not_replayable": {}}
    assert [key for key, _ in desk.events()] == [b"c1", b"c3"]


def test_what_cannot_be_replayed_stays_and_is_told(desk):
    asked = desk("replay", "--stage", "ingest")
    assert "that would be 3 dead letters; 1 cannot be: only the first 1,048,576" in asked.err
    done = desk("replay", "--stage", "ingest", "--confirm")
    assert "3 dead letters were replayed; 1 cannot be: only the first" in done.out
    assert desk.listed().keys() == {desk.position(3)}


def test_one_is_dropped_by_its_name_and_more_after_a_confirmation(desk):
    assert desk("drop", desk.position(0)).out == "1 dead letters were dropped\n"
    asked = desk("drop", desk.position(1), desk.position(2))
    assert asked.code == 1
    assert "that would be 2 dead letters" in asked.err
    one = desk("drop", "--reason", "too-large")
    assert "that would be 1 dead letters" in one.err
    done = desk("drop", desk.position(1), desk.position(2), "--confirm", "--json")
    assert json.loads(done.out) == {"dropped": 2}
    assert desk.listed().keys() == {desk.position(3)}
    assert desk.events() == []


def test_what_was_dropped_can_be_replayed_by_its_name_only(desk):
    desk("drop", desk.position(2))
    assert desk("replay", "--reason", "not-json", "--confirm").out.startswith("1 dead")
    assert desk("replay", desk.position(2)).out.startswith("1 dead")
    assert [key for key, _ in desk.events()] == [b"c1", b"c3"]


NOTHING = "quadrupel.events/9/9"
REFUSED = [
    (("show", NOTHING), 1, f"no dead letter at {NOTHING}"),
    (("show", "nonsense"), 1, "no dead letter at nonsense"),
    (("replay",), 2, "name a POSITION"),
    (("drop",), 2, "name a POSITION"),
    (("replay", NOTHING, "--reason", "not-json"), 2, "name a POSITION"),
    (("replay", NOTHING), 1, f"no dead letter at {NOTHING}"),
    (("drop", NOTHING), 1, f"no dead letter at {NOTHING}"),
    (("replay", "{0}", NOTHING), 1, f"no dead letter at {NOTHING}"),
    (("drop", "{0}", NOTHING, "--confirm"), 1, f"no dead letter at {NOTHING}"),
    (("replay", "--reason", "wrong"), 1, "reasons there were: missing-attribute, not-json, too-"),
    (("drop", "--stage", "publish", "--confirm"), 1, "no such dead letter waits"),
    (("replay", "{0}", "{3}"), 1, "1 of these cannot be replayed, so none was: only the first"),
    (("list", "--limit", "0"), 2, "greater than or equal to"),
    (("resume",), 2, "Missing argument"),
    (("resume", "ingest"), 1, "ingest is not halted"),
    (("resume", "nonsense"), 1, "nonsense is not halted"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), REFUSED)
def test_what_cannot_be_done_is_refused_and_changes_nothing(desk, arguments, code, says):
    before = desk.listed()
    named = [each.format(*map(desk.position, range(4))) for each in arguments]
    called = desk(*named)
    assert (called.code, says in called.err) == (code, True), called.err
    assert desk.listed() == before
    assert desk.events() == []


def test_what_was_decided_is_decided(desk):
    desk("replay", desk.position(0))
    desk("drop", desk.position(1))
    for arguments in (
        ("replay", desk.position(0)),
        ("drop", desk.position(0)),
        ("drop", desk.position(1)),
    ):
        called = desk(*arguments)
        assert called.code == 1
        assert "already, at 20" in called.err
    assert len(desk.events()) == 1


def test_a_message_of_someone_else_is_mentioned_and_hides_nothing(desk):
    with closing(PostgresBus(desk.url)) as bus, closing(bus.producer()) as producer:
        producer.publish([Outgoing(topics.DEAD_LETTERS, b"c1", b"hello")])
    called = desk("list")
    assert "4 dead letters" in called.out
    assert "1 messages on the topic are no dead letters of ours" in called.err


def test_a_halted_stage_is_resumed(desk, engine):
    with transaction(engine) as connection:
        halts.begin(connection, halts.Halt("ingest", "garbage", NOW, "host:1"))
    assert desk("resume", "ingest").out == "ingest goes on\n"
    with transaction(engine) as connection:
        found = halts.find(connection, "ingest")
    assert found is not None
    assert found.resumed_at is not None
