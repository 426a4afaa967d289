"""Send on a real database, with a channel that does as it is told, and with a real mail server."""

from datetime import timedelta

import pytest

from quadrupel.bus import message_codec, topics
from quadrupel.channels.email import EmailChannel
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.channels.smtp import read_smtp_url
from quadrupel.channels.templates import load_templates
from quadrupel.core.channels import MAX_ERROR, Delivered, RefusedForGood, RefusedForNow
from quadrupel.core.contacts import Contact
from quadrupel.core.errors import ChannelUnavailable, InputRefused
from quadrupel.core.messages import Message, MessageKey, MessageState
from quadrupel.core.outages import FAILURES, PROBES, SHORTEST_PAUSE
from quadrupel.core.ports import Outgoing
from quadrupel.core.refusals import EVERYTHING, MAILINGS
from quadrupel.stages.send import HAND_OVER, Send
from quadrupel.store import contacts, message_desk, messages, refusals
from quadrupel.store.database import transaction

from .send_world import NOW, TEMPLATES, FakeChannel, World

AWAY = ChannelUnavailable("the mail server is away")


@pytest.fixture
def world(engine, delivered):
    world = World(engine, delivered)
    yield world
    world.send.close()
    assert world.channel.closed


def test_a_message_is_handed_over_and_recorded_as_sent(world):
    assert world.send.process(world.record()) == []
    [envelope] = world.channel.given
    assert envelope.message == Message(
        MessageKey("user0000", "rule:birthday", "once", "email"), "birthday", {}
    )
    assert envelope.contact.email == "user0000@example.org"
    assert (envelope.recorded_at, envelope.handed_over_at) == (NOW, NOW)
    assert world.states() == {MessageState.SENT: 1}


def test_a_redelivered_batch_is_not_sent_again(world):
    batch = world.record(3)
    world.send.process(batch + batch)
    world.send.process(batch)
    assert sorted(world.channel.users) == ["user0000", "user0001", "user0002"]


def test_many_messages_are_handed_over_at_once_but_no_more_than_the_channel_likes(world):
    world.send.process(world.record(450))
    assert world.states() == {MessageState.SENT: 450}
    assert world.channel.most_at_once == world.channel.concurrency


def test_what_is_no_message_is_a_dead_letter_and_delays_nothing(world):
    batch = world.record(2)
    poison = world.delivered([Outgoing(topics.MESSAGES, b"k", b"poison")])
    [dead] = world.send.process([batch[0], *poison, batch[1]])
    assert dead.topic == topics.DEAD_LETTERS
    assert world.states() == {MessageState.SENT: 2}


def test_a_message_nobody_recorded_is_left_alone(world):
    key = MessageKey("ghost", "rule:birthday", "once", "email")
    assert world.send.process(world.delivered([message_codec.outgoing(key)])) == []
    assert world.channel.given == []


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        (RefusedForGood("550 \udccd\udce5\udcf2", about_address=True), {MessageState.FAILED: 9}),
        (RefusedForGood("550 \0", about_address=True), {MessageState.FAILED: 9}),
        (RefusedForNow("451 \udccd\udce5\udcf2"), {MessageState.RETRY: 9}),
        (ChannelUnavailable("421 \udccd\udce5\udcf2\0" + "x" * 9_000), {MessageState.RETRY: 9}),
    ],
)
def test_an_answer_no_table_takes_as_it_is_costs_no_other_message(world, answer, states):
    world.channel.answer = answer
    world.channel.answers["user0003"] = Delivered()
    world.send.process(world.record(10))
    assert world.states() == {MessageState.SENT: 1, **states}
    assert len(world.entry().error) <= MAX_ERROR


def test_no_consent_no_address_and_no_contact_suppress_with_their_reason(world):
    batch = world.record(3, consent=False)
    with transaction(world.engine) as connection:
        contacts.save(connection, [Contact("user0001", None, "en", {"email": True})], NOW)
        connection.exec_driver_sql("DELETE FROM contacts WHERE user_id = 'user0002'")
    world.send.process(batch)
    reasons = [world.entry(f"user{number:04}").error for number in range(3)]
    assert reasons == ["no consent", "no address", "no address"]
    assert world.states() == {MessageState.SUPPRESSED: 3}
    assert world.channel.given == []


@pytest.mark.parametrize("kind", ["rule:birthday", EVERYTHING])
def test_what_a_citizen_refused_is_not_sent_to_that_citizen_by_email(world, kind):
    batch = world.record(2) + world.record(2, channel="webhook:crm")
    with transaction(world.engine) as connection:
        refusals.remember(connection, "user0000", "email", kind, NOW)
        refusals.remember(connection, "user0001", "email", MAILINGS, NOW)
    world.send.process(batch)
    entry = world.entry()
    assert (entry.state, entry.error) == (
        MessageState.SUPPRESSED,
        "the citizen refused these e-mails",
    )
    assert world.channel.users == ["user0001"]
    assert world.hook.users == ["user0000", "user0001"]
    assert [each.kind for each in world.channel.given] == ["rule:birthday"]


def test_a_refusal_counts_when_a_message_is_handed_over_though_it_was_recorded_before(world):
    world.channel.answer = RefusedForNow("451 later")
    world.send.process(world.record())
    with transaction(world.engine) as connection:
        refusals.remember(connection, "user0000", "email", EVERYTHING, NOW)
    world.look(after=timedelta(minutes=1))
    assert world.entry().state is MessageState.SUPPRESSED
    assert len(world.channel.given) == 1


def test_what_the_law_says_must_be_shown_cannot_be_refused(world):
    batch = world.record()
    with transaction(world.engine) as connection:
        for kind in (EVERYTHING, "rule:birthday"):
            refusals.remember(connection, "user0000", "email", kind, NOW)
    send = Send(world.engine, {"email": world.channel}, world.clock, lambda: {"rule:birthday"})
    send.process(batch)
    assert world.entry().state is MessageState.SENT
    assert [each.kind for each in world.channel.given] == [None]
    send.close()


@pytest.fixture
def refused(world):
    """A world where the address of a user was refused for good, and no other one would be."""
    world.channel.answer = RefusedForGood("550 no such user", about_address=True)
    world.send.process(world.record())
    assert world.entry().state is MessageState.FAILED
    world.channel.answer = Delivered()
    return world


def another(world, origin):
    """What becomes of another message to the user."""
    key = MessageKey("user0000", origin, "once", "email")
    with transaction(world.engine) as connection:
        keys = messages.record(connection, [Message(key, "birthday", {})], NOW)
    world.send.process(world.delivered([message_codec.outgoing(each) for each in keys]))
    with transaction(world.engine) as connection:
        return message_desk.get(connection, key)


def test_an_address_refused_for_good_is_not_written_to_again_until_it_is_another(refused):
    said = another(refused, "rule:moved").error
    assert said == "the address was refused before: 550 no such user"
    with transaction(refused.engine) as connection:
        moved = Contact("user0000", "new@example.org", "en", {"email": True})
        contacts.save(connection, [moved], NOW)
    assert another(refused, "rule:tax").state is MessageState.SENT


def test_an_address_that_an_operator_allows_again_is_written_to_until_it_is_refused_again(refused):
    with transaction(refused.engine) as connection:
        assert contacts.allow(connection, "user0000") == 1
    for origin in ("rule:moved", "rule:tax"):
        assert another(refused, origin).state is MessageState.SENT


def test_a_refusal_of_the_contents_says_nothing_of_the_address(world):
    world.channel.answer = RefusedForGood("554 spam")
    world.send.process(world.record())
    with transaction(world.engine) as connection:
        assert contacts.suppressed(connection, ["user0000"]) == []
    assert world.entry().error == "554 spam"


def test_a_message_refused_for_now_is_tried_again_when_it_is_time(world):
    world.channel.answer = RefusedForNow("451 later")
    world.send.process(world.record())
    assert world.entry().next_attempt_at == NOW + timedelta(seconds=30)
    world.look(after=timedelta(seconds=29))
    assert len(world.channel.given) == 1
    world.channel.answer = Delivered()
    world.look(after=timedelta(seconds=2))
    assert (world.entry().state, world.entry().attempts) == (MessageState.SENT, 2)


def test_a_message_refused_again_and_again_fails_at_last(world):
    world.channel.answer = RefusedForNow("451 later")
    world.send.process(world.record())
    for _ in range(20):
        world.look(after=timedelta(days=1))
    assert len(world.channel.given) == 8
    assert world.entry().error == "given up after 8 attempts: 451 later"
    assert world.entry().state is MessageState.FAILED


def test_idle_looks_once_a_second(world):
    world.channel.answer = RefusedForNow("no", timedelta())
    world.send.process(world.record())
    for _ in range(100):
        world.look(after=timedelta(milliseconds=310))
    assert world.entry().attempts == 2
    with transaction(world.engine) as connection:
        connection.exec_driver_sql("UPDATE messages SET next_attempt_at = '2000-01-01'")
    world.look(after=timedelta(milliseconds=400))
    world.look(after=timedelta(milliseconds=400))
    world.look(after=timedelta(milliseconds=400))
    assert world.entry().attempts == 3


def test_one_message_the_channel_cannot_take_does_not_hold_up_the_others(world):
    world.channel.answers["user0003"] = AWAY
    world.channel.answers["user0005"] = ValueError("a bug")
    world.send.process(world.record(10))
    assert world.states() == {
        MessageState.SENT: 8,
        MessageState.RETRY: 1,
        MessageState.UNKNOWN: 1,
    }
    assert world.entry("user0003").attempts == 1
    assert "ValueError" in world.entry("user0005").error


def test_a_message_the_channel_never_answers_for_fails_although_the_channel_is_well(world):
    world.channel.answers["user0000"] = AWAY
    world.send.process(world.record(2))
    for _ in range(20):
        world.look(after=timedelta(days=1))
        world.channel.answers["user0001"] = Delivered()
        world.send._outages.answered("email")
    assert world.entry("user0000").state is MessageState.FAILED


def test_while_a_channel_is_away_its_messages_wait_unharmed_and_it_is_left_in_peace(world):
    world.channel.answer = AWAY
    world.send.process(world.record(500))
    tried = len(world.channel.given)
    assert FAILURES <= tried <= FAILURES + world.channel.concurrency
    assert world.states() == {MessageState.RETRY: 500}
    for _ in range(3600):
        world.look(after=timedelta(seconds=1))
    assert len(world.channel.given) - tried < 20 * PROBES, "an hour of outage"
    with transaction(world.engine) as connection:
        entries = message_desk.find(connection, message_desk.Filter(), 1000)
    assert {each.attempts for each in entries} == {0}
    world.channel.answer = Delivered()
    world.look(after=timedelta(minutes=6))
    assert world.states() == {MessageState.SENT: 500}


def test_a_channel_that_is_away_holds_up_no_other(world):
    world.channel.answer = AWAY
    world.send.process(world.record(50))
    mixed = world.record(60) + world.record(60, channel="webhook:crm")
    world.send.process(mixed)
    assert len(world.hook.given) == 60
    assert world.states() == {MessageState.RETRY: 60, MessageState.SENT: 60}
    assert world.hook.given[0].contact.user_id == world.hook.given[0].message.key.user_id


def test_a_channel_that_comes_back_gets_new_messages_at_once(world):
    world.channel.answer = AWAY
    world.send.process(world.record(10))
    world.channel.answer = Delivered()
    world.look(after=SHORTEST_PAUSE + timedelta(seconds=1))
    assert world.states() == {MessageState.SENT: 10}
    world.send.process(world.record(20))
    assert world.states() == {MessageState.SENT: 20}


def test_a_slow_channel_never_makes_a_batch_last_for_ever(world):
    world.channel.seconds, world.channel.clock = 1.0, world.clock
    world.send.process(world.record(500))
    assert world.clock.now - NOW <= HAND_OVER + timedelta(seconds=world.channel.concurrency)
    states = world.states()
    assert states[MessageState.SENT] == len(world.channel.given) < 40
    assert states[MessageState.RETRY] == 500 - len(world.channel.given)
    world.channel.clock = None
    world.look(after=timedelta(seconds=1))
    assert world.states() == {MessageState.SENT: 500}
    assert len(world.channel.users) == len(set(world.channel.users))


def test_a_message_for_a_channel_that_is_not_set_up_here_is_left_to_a_worker_that_has_it(world):
    batch = world.record(channel="webhook:new") + world.record(channel="webhook:crm")
    world.send.process(batch)
    entry = world.entry(channel="webhook:new")
    assert (entry.state, entry.attempts, entry.error) == (
        MessageState.RETRY,
        1,
        "there is no channel webhook:new here",
    )
    assert len(world.hook.given) == 1
    new = FakeChannel()
    restarted = Send(world.engine, {"webhook:new": new}, world.clock)
    world.clock.forward(timedelta(seconds=30))
    restarted.idle()
    world.send.process(batch)
    assert world.states() == {MessageState.SENT: 2}
    assert len(new.given) == 1
    restarted.close()


def test_a_message_whose_channel_is_set_up_nowhere_fails_at_last_with_its_name(world):
    world.send.process(world.record(channel="webhook:gone"))
    for _ in range(8):
        world.look(after=timedelta(days=1))
    gone = world.entry(channel="webhook:gone")
    assert (gone.state, gone.error) == (
        MessageState.FAILED,
        "given up after 8 attempts: there is no channel webhook:gone here",
    )


def test_what_the_templates_here_cannot_show_waits_for_others(world):
    world.channel.answers["user0003"] = InputRefused("unknown-template", "there is no template")
    batch = world.record(10)
    world.send.process(batch)
    assert world.states() == {MessageState.SENT: 9, MessageState.RETRY: 1}
    entry = world.entry("user0003")
    assert (entry.attempts, entry.error) == (1, "unknown-template: there is no template")
    del world.channel.answers["user0003"]
    world.look(after=timedelta(seconds=30))
    world.send.process(batch)
    assert world.states() == {MessageState.SENT: 10}


def test_what_cannot_be_shown_does_not_hide_that_the_channel_is_away(world):
    world.channel.answer = AWAY
    for number in range(0, 100, 3):
        world.channel.answers[f"user{number:04}"] = InputRefused("unknown-template", "none")
    world.send.process(world.record(100))
    assert world.entry("user0001").attempts == 0
    assert world.entry("user0001").error == "the mail server is away"


@pytest.mark.parametrize(
    ("answers", "state", "suppressed"),
    [
        ({}, MessageState.SENT, False),
        ({"answer_recipient": lambda _: "451 4.2.0 later"}, MessageState.RETRY, False),
        ({"answer_recipient": lambda _: "550 5.1.1 none"}, MessageState.FAILED, True),
        ({"answer_contents": lambda _: "554 5.6.0 spam"}, MessageState.FAILED, False),
    ],
)
def test_a_real_mail_servers_answer_decides(world, answers, state, suppressed):
    with MailCatcher(**answers) as catcher:
        templates = load_templates(TEMPLATES, ("en", "ru"), "https://portal.example")
        channel = EmailChannel(
            read_smtp_url(catcher.url), "no-reply@portal.example", lambda: templates
        )
        worker = Send(world.engine, {"email": channel}, world.clock)
        worker.process(world.record())
        worker.close()
    assert world.entry().state is state
    with transaction(world.engine) as connection:
        assert bool(contacts.suppressed(connection, ["user0000"])) == suppressed
    assert [mail.subject for mail in catcher.caught()] == (
        ["Happy birthday!"] if state is MessageState.SENT else []
    )
