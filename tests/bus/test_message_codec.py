import json
from datetime import UTC, datetime

import pytest

from quadrupel.bus import message_codec
from quadrupel.core.errors import InputRefused
from quadrupel.core.messages import MessageKey
from quadrupel.core.ports import Message

KEY = MessageKey("anna", "mailing:spring", "once", "email")


def delivered(value):
    return Message("quadrupel.messages", 0, 7, b"k", value, datetime(2026, 11, 23, tzinfo=UTC))


def test_a_key_survives_the_bus_and_carries_nothing_else():
    outgoing = message_codec.outgoing(KEY)
    assert outgoing.topic == "quadrupel.messages"
    assert outgoing.key == KEY.user_id.encode()
    assert json.loads(outgoing.value).keys() == {"user_id", "origin", "episode", "channel"}
    assert message_codec.read_message(delivered(outgoing.value)) == KEY


def body(**changes):
    fields = {"user_id": "u", "origin": "rule:x", "episode": "once", "channel": "email"}
    return json.dumps({**fields, **changes}).encode()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no JSON",
        b"[]",
        b"null",
        b"{}",
        b'{"user_id": "u"}',
        b"\xff\xfe",
        b"[" * 100_000,
        body(user_id=""),
        body(user_id="a b"),
        body(user_id="u" * 65),
        body(user_id=7),
        body(user_id=None),
        body(origin=""),
        body(episode=""),
        body(channel=""),
        body(episode="\0"),
        body(channel=["email"]),
        body(episode="x").replace(b'"x"', b'"\\ud800"'),
    ],
)
def test_what_is_no_key_is_refused(value):
    with pytest.raises(InputRefused) as refused:
        message_codec.read_message(delivered(value))
    assert refused.value.reason == "bad-message"
