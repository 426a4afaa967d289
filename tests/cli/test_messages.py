import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.bus import message_codec, topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.cli import output
from quadrupel.cli.messages import read_key, write_key
from quadrupel.core.channels import Settlement
from quadrupel.core.errors import InputRefused
from quadrupel.core.messages import Message, MessageKey, MessageState
from quadrupel.store import messages
from quadrupel.store.database import transaction
from quadrupel.store.messages import Settled

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def key(user, origin="mailing:spring"):
    return MessageKey(user, origin, "2026-11-20", "email")


@pytest.fixture
def desk(quadrupel, migrated_url, engine):
    """Messages to `u-STATE` in three states, and one of a rule; the topics exist."""
    states = (MessageState.UNKNOWN, MessageState.FAILED, MessageState.SENT)
    keys = [key(f"u-{state.value}") for state in states]
    with transaction(engine) as connection:
        given = [Message(each, "news", {"region": "77"}) for each in keys]
        messages.record(connection, [*given, Message(key("r", "rule:moved"), "moved", {})], NOW)
        claims = messages.claim(connection, keys, NOW, NOW + timedelta(minutes=5))
        by_user = {each.message.key.user_id: each for each in claims}
        settled = [
            Settled(by_user[f"u-{state.value}"], Settlement(state, "because")) for state in states
        ]
        messages.settle(connection, settled, NOW)
    assert quadrupel("bus", "create", database_url=migrated_url).code == 0
    return quadrupel


def published(url):
    with contextlib.closing(PostgresBus(url)) as bus:
        found = bus.admin().browse(topics.MESSAGES)
        return sorted(message_codec.read_message(each).user_id for each in found)


def states(desk):
    listed = json.loads(desk("messages", "list", "--json").out)
    return {each["user_id"]: each["state"] for each in listed}


def test_what_is_listed_in_a_pipe_can_be_copied(desk, monkeypatch):
    monkeypatch.setattr(output.console, "width", 80)
    [row] = [line for line in desk("messages", "list", "--state", "unknown").out.splitlines()
             if "u-unknown" in line]  # fmt: skip
    assert "u-unknown/mailing:spring/2026-11-20/email" in row
    assert " unknown " in row
    assert "because" in row


def test_messages_are_listed_by_state_and_shown_by_the_listed_key(desk):
    listed = json.loads(desk("messages", "list", "--state", "unknown", "--json").out)
    assert [each["key"] for each in listed] == ["u-unknown/mailing:spring/2026-11-20/email"]
    shown = json.loads(desk("messages", "show", listed[0]["key"]).out)
    assert shown["values"] == {"region": "77"}
    assert shown["error"] == "because"
    assert shown["id"] == key("u-unknown").digest
    table = desk("messages", "list", "--origin", "rule:moved").out
    assert "r/rule:moved/2026-11-20/email" in table
    assert "u-sent" not in table
    assert "--limit" in desk("messages", "list", "--limit", "1").out


def test_one_message_is_sent_again_by_its_key(desk, migrated_url):
    again = desk("messages", "resend", "u-unknown/mailing:spring/2026-11-20/email")
    assert again.out == "1 messages are on their way\n"
    assert states(desk)["u-unknown"] == "pending"
    assert published(migrated_url) == ["u-unknown"]


def test_all_of_an_origin_are_sent_again_after_a_confirmation(desk, migrated_url):
    arguments = ("messages", "resend", "--state", "failed", "--origin", "mailing:spring")
    asked = desk(*arguments)
    assert asked.code == 1
    assert "that would be 1 messages; say --confirm" in asked.err
    assert desk(*arguments, "--confirm").out == "1 messages are on their way\n"
    assert published(migrated_url) == ["u-failed"]


def test_messages_the_bus_forgot_are_published_again(desk, migrated_url):
    again = desk("messages", "resend", "--state", "pending", "--origin", "rule:moved", "--confirm")
    assert again.out == "1 messages are on their way\n"
    assert published(migrated_url) == ["r"]


def test_an_operator_says_what_became_of_unknown_messages(desk):
    settled = desk("messages", "settle", "--origin", "mailing:spring", "--as", "sent", "--confirm")
    assert settled.out == "1 messages are sent\n"
    assert states(desk) == {
        "r": "pending",
        "u-failed": "failed",
        "u-sent": "sent",
        "u-unknown": "sent",
    }


SENT = "u-sent/mailing:spring/2026-11-20/email"
REFUSED = [
    (("show", "nonsense"), 1, "USER/ORIGIN/EPISODE/CHANNEL, not 'nonsense'"),
    (("show", "a/b/c/d"), 1, "no message a/b/c/d"),
    (("list", "--state", "lost"), 2, "is not one of"),
    (("list", "--limit", "0"), 2, "greater than or equal to"),
    (("resend",), 2, "name a KEY"),
    (("resend", "--state", "failed"), 2, "name a KEY"),
    (("resend", SENT), 1, "the message is sent"),
    (
        ("resend", "--state", "sent", "--origin", "rule:x", "--confirm"),
        1,
        "sent messages cannot be",
    ),
    (("resend", "--state", "sending", "--origin", "rule:x"), 1, "sending messages cannot be"),
    (("settle", SENT, "--as", "failed"), 1, "the message is sent"),
    (("settle", SENT, "--as", "pending"), 2, "it is sent or failed"),
    (("settle", SENT), 2, "--as"),
    (("settle", "--as", "sent"), 1, "that would be 1 messages; say --confirm"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), REFUSED)
def test_what_cannot_be_decided_is_refused(desk, migrated_url, arguments, code, says):
    before = states(desk)
    called = desk("messages", *arguments)
    assert (called.code, says in called.err) == (code, True), called.err
    assert states(desk) == before
    assert published(migrated_url) == []


@pytest.mark.parametrize("episode", ["once", "2026-11-20", "a/b", "//", "rule:x/email"])
def test_a_key_survives_being_written_as_one_word(episode):
    given = MessageKey("a:b@c.d-e_f", "rule:moved", episode, "webhook:crm")
    assert read_key(write_key(given)) == given


@pytest.mark.parametrize("text", ["", "/", "a/b/c", "a//c/d", "/b/c/d", "a/b/c/", "a/b//d"])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(InputRefused):
        read_key(text)
