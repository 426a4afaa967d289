"""Messages of which nobody knows whether they were sent: no second one follows by itself."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.bus import message_codec
from quadrupel.channels.email import EmailChannel
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.channels.smtp import read_smtp_url
from quadrupel.channels.templates import load_templates
from quadrupel.core.channels import Uncertain
from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.core.messages import MessageKey, MessageState
from quadrupel.core.outages import FAILURES
from quadrupel.stages import send
from quadrupel.stages.send import CLAIM
from quadrupel.store import message_desk, messages
from quadrupel.store.database import transaction

from .send_world import NOW, TEMPLATES, FakeChannel, World


@pytest.fixture
def world(engine, delivered):
    world = World(engine, delivered)
    yield world
    world.send.close()
    assert world.channel.closed


def test_an_answer_lost_on_the_way_makes_the_message_unknown_and_never_sends_it_again(world):
    world.channel.answer = Uncertain("the connection was lost")
    batch = world.record()
    world.send.process(batch)
    world.send.process(batch)
    world.look(after=timedelta(days=30))
    assert len(world.channel.given) == 1
    assert world.entry().state is MessageState.UNKNOWN


class SilentChannel(FakeChannel):
    """Never says what came of a message."""

    async def deliver(self, envelope):
        self.given.append(envelope)
        await asyncio.Event().wait()


def test_a_channel_that_never_answers_holds_neither_the_worker_nor_many_messages(world):
    silent, bound = SilentChannel(), timedelta(seconds=0.3)
    channels = {"email": silent, "webhook:crm": world.hook}
    worker = send.Send(world.engine, channels, world.clock, longest_delivery=bound)
    began = time.monotonic()
    worker.process(world.record(200) + world.record(3, channel="webhook:crm"))
    assert time.monotonic() - began < 10
    tried = len(silent.given)
    assert FAILURES <= tried < FAILURES + silent.concurrency, "then it counts as away"
    assert world.states() == {
        MessageState.SENT: 3,
        MessageState.UNKNOWN: tried,
        MessageState.RETRY: 200 - tried,
    }
    unknown = silent.given[0].message.key.user_id
    assert world.entry(unknown).error == "the channel did not answer within 0.3 s"
    worker.close()


def test_what_was_handed_over_while_the_database_went_away_is_recorded_when_it_is_back(
    world, monkeypatch
):
    batch = world.record(3)
    settle, broken = messages.settle, [DatabaseUnavailable("away")] * 2

    def settle_or_not(*arguments):
        if broken:
            raise broken.pop()
        return settle(*arguments)

    monkeypatch.setattr(messages, "settle", settle_or_not)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            world.send.process(batch)
    assert world.send.process(batch) == []
    assert world.states() == {MessageState.SENT: 3}
    assert len(world.channel.given) == 3


class Killed(BaseException):
    """The process ends here, without a chance to clean up."""


def test_a_worker_that_dies_between_handing_over_and_recording_leaves_an_unknown_message(
    world, monkeypatch
):
    batch = world.record(3)

    def die(*_):
        raise Killed

    monkeypatch.setattr(messages, "settle", die)
    with pytest.raises(Killed):
        world.send.process(batch)
    monkeypatch.undo()
    world.send._unrecorded.clear()
    successor = world.another_send()
    successor.process(batch)
    world.clock.forward(CLAIM - timedelta(seconds=1))
    successor.idle()
    assert world.states() == {MessageState.SENDING: 3}, "perhaps it still works on them"
    world.clock.forward(timedelta(seconds=1))
    successor.idle()
    assert world.states() == {MessageState.UNKNOWN: 3}
    successor.process(batch)
    assert len(world.channel.given) == 3
    with transaction(world.engine) as connection:
        unknown = message_desk.Filter(state=MessageState.UNKNOWN)
        keys = message_desk.send_again(connection, unknown, 1, world.clock.now)
    successor.process(world.delivered([message_codec.outgoing(key) for key in keys]))
    assert world.states() == {MessageState.SENT: 1, MessageState.UNKNOWN: 2}
    successor.close()


def test_a_message_another_worker_hands_over_right_now_is_left_to_it(world):
    batch = world.record()
    with transaction(world.engine) as connection:
        key = MessageKey("user0000", "rule:birthday", "once", "email")
        messages.claim(connection, [key], NOW, NOW + CLAIM)
    world.send.process(batch)
    world.look(after=CLAIM - timedelta(seconds=1))
    assert world.channel.given == []
    assert world.states() == {MessageState.SENDING: 1}


WORKER = """
import os, signal, sys
from datetime import UTC, datetime
from quadrupel.bus import message_codec
from quadrupel.channels.email import EmailChannel
from quadrupel.channels.smtp import read_smtp_url
from quadrupel.channels.templates import load_templates
from quadrupel.core.messages import MessageKey
from quadrupel.core.ports import Message
from quadrupel.stages.send import Send
from quadrupel.store import messages
from quadrupel.store.database import open_engine
from pathlib import Path

database_url, smtp_url, templates = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

messages.settle = die
channel = EmailChannel(
    read_smtp_url(smtp_url), "no-reply@portal.example",
    lambda: load_templates(Path(templates), ("en",), "https://portal.example"),
)
key = MessageKey("user0000", "rule:birthday", "once", "email")
out = message_codec.outgoing(key)
message = Message(out.topic, 0, 0, out.key, out.value, datetime.now(UTC))
Send(open_engine(database_url), {"email": channel}).process([message])
"""


def test_a_process_killed_after_the_mail_server_took_the_mail_sends_no_second_one(
    world, migrated_url
):
    batch = world.record()
    with MailCatcher() as catcher:
        worker = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(WORKER), migrated_url, catcher.url, TEMPLATES],
            check=False,
            env=os.environ,
        )
        assert worker.returncode == -signal.SIGKILL
        assert catcher.wait_for(1)
        templates = load_templates(TEMPLATES, ("en",), "https://portal.example")
        channel = EmailChannel(
            read_smtp_url(catcher.url), "no-reply@portal.example", lambda: templates
        )
        later = datetime.now(UTC) + CLAIM
        successor = send.Send(world.engine, {"email": channel}, lambda: later)
        successor.process(batch)
        successor.idle()
        successor.process(batch)
        successor.close()
        assert len(catcher.caught()) == 1
    assert world.entry().state is MessageState.UNKNOWN
