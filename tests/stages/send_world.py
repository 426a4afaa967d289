"""Send around a database with recorded messages, and a channel that does as it is told."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quadrupel.bus import message_codec
from quadrupel.core.channels import Delivered
from quadrupel.core.contacts import Contact
from quadrupel.core.messages import Message, MessageKey
from quadrupel.stages.send import Send
from quadrupel.store import contacts, message_desk, messages
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEMPLATES = Path(__file__).parents[2] / "rules" / "templates"


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now

    def forward(self, duration):
        self.now += duration


class FakeChannel:
    """Remembers what it is given; answers by user, or as `answer` says."""

    def __init__(self, answer=None, concurrency=10, seconds=0.0, clock=None):
        self.concurrency = concurrency
        self.answer = answer or Delivered()
        self.answers = {}
        self.given = []
        self.at_once = self.most_at_once = 0
        self.seconds, self.clock = seconds, clock
        self.closed = False

    async def deliver(self, envelope):
        self.given.append(envelope)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        if self.clock:
            self.clock.forward(timedelta(seconds=self.seconds))
        self.at_once -= 1
        answer = self.answers.get(envelope.message.key.user_id, self.answer)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self):
        self.closed = True

    @property
    def users(self):
        return [each.message.key.user_id for each in self.given]


class World:
    """A database with recorded messages, a clock, a channel, and send."""

    def __init__(self, engine, delivered):
        self.engine, self.delivered = engine, delivered
        self.clock, self.channel, self.hook = Clock(), FakeChannel(), FakeChannel()
        self.send = self.another_send()

    def another_send(self):
        return Send(self.engine, {"email": self.channel, "webhook:crm": self.hook}, self.clock)

    def record(self, count=1, channel="email", consent=True):
        users = [f"user{number:04}" for number in range(count)]
        given = [
            Message(MessageKey(user, "rule:birthday", "once", channel), "birthday", {})
            for user in users
        ]
        with transaction(self.engine) as connection:
            contacts.save(
                connection,
                [Contact(user, f"{user}@example.org", "en", {"email": consent}) for user in users],
                NOW,
            )
            keys = messages.record(connection, given, NOW)
        return self.delivered([message_codec.outgoing(key) for key in keys])

    def states(self):
        with transaction(self.engine) as connection:
            return message_desk.count_by_state(connection, message_desk.Filter())

    def entry(self, user="user0000", channel="email"):
        with transaction(self.engine) as connection:
            key = MessageKey(user, "rule:birthday", "once", channel)
            return message_desk.get(connection, key)

    def look(self, after):
        self.clock.forward(after)
        self.send.idle()
