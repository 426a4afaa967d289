"""Audiences and the fan-out of mailings, on a real database."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from quadrupel.bus import message_codec, topics
from quadrupel.core import lifecycle
from quadrupel.core.errors import BusUnavailable
from quadrupel.core.mailings import Audience, MailingState
from quadrupel.core.messages import MessageKey, MessageState
from quadrupel.core.ports import Message
from quadrupel.core.profiles import FoldState, Profile
from quadrupel.stages import mailing, upkeep
from quadrupel.stages.audience import open_audience
from quadrupel.store import erasure, mailings, message_desk, messages
from quadrupel.store.database import transaction
from quadrupel.store.message_desk import Filter
from quadrupel.store.profiles import ProfileStore

from .conftest import NOW, SCHEMA
from .spring_mailing import MUSCOVITES, RULES, SPRING, create, erase, state


class RecordingProducer:
    """Remembers what it is given; fails as often as it is told to."""

    def __init__(self):
        self.published, self.failures = [], 0

    def publish(self, outgoing):
        if self.failures:
            self.failures -= 1
            raise BusUnavailable("the bus is away")
        self.published += outgoing

    def close(self):
        pass

    @property
    def users(self):
        return [each.key.decode() for each in self.published]


@pytest.fixture
def producer():
    return RecordingProducer()


def send(engine, producer, given=None, wait=lambda _: False, shown=()):
    given = given or state(engine)
    pages = open_audience(engine, RULES, given, shown)
    return mailing.send(engine, producer, given, pages, lambda: NOW, wait)


def test_a_user_erased_after_the_audience_was_read_gets_no_message(population, producer):
    create(population, SPRING)

    def pages(after):
        for page in open_audience(population, RULES, SPRING, ["region"])(after):
            if page.recipients[0].user_id == "user00":
                erase(population, "user02")
            yield page

    mailing.send(population, producer, SPRING, pages, lambda: NOW, lambda _: False)
    assert producer.users == [user for user in MUSCOVITES if user != "user02"]
    assert state(population).queued == 9
    with transaction(population) as connection:
        assert message_desk.find(connection, Filter(user_id="user02"), 10) == []


@pytest.fixture
def strangers(population):
    """A mailing to a list of two users who have no profile."""
    return create(population, replace(SPRING, audience=Audience(users=True)), ["anna", "boris"])


def send_while(other, engine, producer, given, *arguments):
    """Send a mailing; something else begins while its first chunk is being recorded."""
    working = threading.Thread(target=other, args=(engine, *arguments))

    def clock():  # asked when it is known that the chunk may go, and before it is recorded
        if not working.ident:
            working.start()
            wait_until_over_or_waiting(engine, working)
        return NOW

    pages = open_audience(engine, RULES, given, ())
    mailing.send(engine, producer, given, pages, clock, lambda _: False)
    working.join()


def test_a_user_erased_while_a_chunk_is_recorded_keeps_no_message(population, producer):
    send_while(erase, population, producer, create(population, SPRING), "user02")
    assert messages_of(population, "user02") == []
    assert len(messages_of(population, "user00")) == 1


def test_a_listed_user_without_a_profile_erased_while_a_chunk_is_recorded_keeps_no_message(
    population, producer, strangers
):
    send_while(erase, population, producer, strangers, "anna")
    assert messages_of(population, "anna") == []
    assert len(messages_of(population, "boris")) == 1


def test_a_listed_user_without_a_profile_whose_erasure_is_not_over_gets_no_message(
    population, producer, strangers
):
    pages = open_audience(population, RULES, strangers, ())
    given = (population, producer, strangers, pages, lambda: NOW, lambda _: False)
    sending = threading.Thread(target=mailing.send, args=given)
    marks = {lifecycle.ERASED_TAG: (0, 1, lifecycle.ERASED_TAG)}
    gone = Profile("anna", 2, {}, FoldState(marks))
    with transaction(population) as connection:
        ProfileStore(SCHEMA).write(connection, [gone], NOW)
        erasure.erase(connection, [gone], NOW)
        sending.start()
        wait_until_over_or_waiting(population, sending)
    sending.join()
    assert producer.users == ["boris"]
    assert messages_of(population, "anna") == []


def wait_until_over_or_waiting(engine, thread):
    """Until the thread has ended, or its transaction waits for a lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while thread.is_alive():
        with transaction(engine) as connection:
            if connection.exec_driver_sql(waiting).scalar_one():
                return
        thread.join(0.01)


def messages_of(engine, user):
    with transaction(engine) as connection:
        return message_desk.find(connection, Filter(user_id=user), 10)


def test_everyone_of_the_audience_gets_one_message(population, producer):
    create(population, SPRING)
    assert send(population, producer, shown=["region"]) is MailingState.DONE
    assert producer.users == MUSCOVITES
    assert {each.topic for each in producer.published} == {topics.MESSAGES}
    done = state(population)
    assert (done.state, done.queued, done.cursor) == (MailingState.DONE, 10, "user19")
    with transaction(population) as connection:
        entry = message_desk.get(
            connection, MessageKey("user04", "mailing:spring", "once", "email")
        )
    assert entry.message.values == {"region": "77"}
    assert entry.message.template == "news"
    assert entry.state is MessageState.PENDING


@pytest.mark.parametrize("failing_at", range(4))
def test_an_outage_loses_and_repeats_no_message(population, producer, failing_at):
    create(population, replace(SPRING, rate=3))
    pages = open_audience(population, RULES, state(population), ())
    seen = 0

    def wait(_):
        nonlocal seen
        seen += 1
        producer.failures = 1 if seen == failing_at else 0
        return False

    producer.failures = 1 if failing_at == 0 else 0
    with pytest.raises(BusUnavailable):
        mailing.send(population, producer, state(population), pages, lambda: NOW, wait)
    assert state(population).state is MailingState.SENDING
    producer.failures = 0
    assert send(population, producer) is MailingState.DONE
    assert sorted(set(producer.users)) == MUSCOVITES
    assert state(population).queued == 10


@pytest.mark.parametrize("died", ["publish", "advance"])
def test_a_sender_that_dies_goes_on_with_its_last_chunk_and_nobody_gets_two(
    population, producer, died, monkeypatch
):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    create(population, replace(SPRING, rate=4))
    with monkeypatch.context() as patch:
        if died == "publish":
            patch.setattr(producer, "publish", die)
        else:
            patch.setattr(mailings, "advance", die)
        pages = open_audience(population, RULES, state(population), ())
        with pytest.raises(Killed):
            mailing.send(
                population, producer, state(population), pages, lambda: NOW, lambda _: False
            )
    already = [message_codec.read_message(each) for each in delivered_of(producer)]
    with transaction(population) as connection:
        messages.claim(connection, already, NOW, NOW)
    assert send(population, producer) is MailingState.DONE
    assert sorted(producer.users) == MUSCOVITES, "what is claimed is not even published again"
    with transaction(population) as connection:
        total = message_desk.count_by_state(connection, Filter(origin="mailing:spring"))
    assert sum(total.values()) == 10


def delivered_of(producer):
    return [Message(e.topic, 0, 0, e.key, e.value, NOW) for e in producer.published]


def test_a_mailing_paused_from_elsewhere_stops_before_its_next_chunk_and_goes_on(
    population, producer
):
    create(population, replace(SPRING, rate=3))

    def pause(_):
        with transaction(population) as connection:
            mailings.move(connection, "spring", [MailingState.SENDING], MailingState.PAUSED, NOW)
        return False

    assert send(population, producer, wait=pause) is MailingState.PAUSED
    assert 0 < len(producer.users) < 10
    with transaction(population) as connection:
        mailings.move(connection, "spring", [MailingState.PAUSED], MailingState.SENDING, NOW)
    assert send(population, producer) is MailingState.DONE
    assert producer.users == MUSCOVITES


def test_being_asked_to_stop_pauses(population, producer):
    create(population, replace(SPRING, rate=3))
    assert send(population, producer, wait=lambda _: True) is MailingState.PAUSED
    assert state(population).state is MailingState.PAUSED


def test_cancelling_stops_the_sender_and_takes_back_what_waits(population, producer):
    create(population, replace(SPRING, rate=2))
    taken_back = []

    def cancel(_):
        taken_back.append(mailing.cancel(population, "spring", lambda: NOW))
        return False

    assert send(population, producer, wait=cancel) is MailingState.CANCELLED
    assert taken_back == [len(producer.users)]
    assert state(population).state is MailingState.CANCELLED
    assert mailing.cancel(population, "spring", lambda: NOW) == 0
    with transaction(population) as connection:
        keys = [message_codec.read_message(each) for each in delivered_of(producer)]
        assert messages.claim(connection, keys, NOW, NOW) == []


def test_cancelling_while_a_chunk_is_recorded_takes_that_back_too(population, producer):
    create(population, SPRING)
    send_while(mailing.cancel, population, producer, SPRING, SPRING.name, lambda: NOW)
    assert state(population).state is MailingState.CANCELLED
    with transaction(population) as connection:
        found = message_desk.find(connection, Filter(), 100)
    assert {each.state for each in found} == {MessageState.CANCELLED}


def test_all_that_waits_is_taken_back_in_however_many_chunks(population, producer, monkeypatch):
    monkeypatch.setattr(mailing, "CANCEL_CHUNK", 3)
    create(population, SPRING)
    send(population, producer)
    assert mailing.cancel(population, "spring", lambda: NOW) == 10
    with transaction(population) as connection:
        counts = message_desk.count_by_state(connection, Filter(origin="mailing:spring"))
    assert counts == {MessageState.CANCELLED: 10}


def test_a_list_of_users_is_kept_until_the_mailing_is_over(population, producer):
    listed = replace(SPRING, audience=Audience(users=True), rate=2)
    create(population, listed, MUSCOVITES)
    create(population, replace(listed, name="autumn"), MUSCOVITES)

    def names(name):
        with transaction(population) as connection:
            return mailings.users(connection, name, None, 100)

    assert send(population, producer, wait=lambda _: True) is MailingState.PAUSED
    assert upkeep.forget_lists(population, threading.Event()) == 0
    assert names("spring") == MUSCOVITES
    with transaction(population) as connection:
        mailings.move(connection, "spring", [MailingState.PAUSED], MailingState.SENDING, NOW)
    assert send(population, producer) is MailingState.DONE
    assert producer.users == MUSCOVITES
    assert upkeep.forget_lists(population, threading.Event()) == len(MUSCOVITES)
    assert (names("spring"), names("autumn")) == ([], MUSCOVITES)
    mailing.cancel(population, "autumn", lambda: NOW)
    assert upkeep.forget_lists(population, threading.Event()) == len(MUSCOVITES)
    assert names("autumn") == []


def test_a_cancel_at_the_very_end_wins(population, producer):
    create(population, SPRING)
    given = state(population)
    pages = open_audience(population, RULES, given, ())

    def pages_and_cancel(after):
        yield from pages(after)
        mailing.cancel(population, "spring", lambda: NOW)

    ended = mailing.send(
        population, producer, given, pages_and_cancel, lambda: NOW, lambda _: False
    )
    assert ended is MailingState.CANCELLED


def test_the_rate_is_held(population, producer):
    create(population, replace(SPRING, rate=40, audience=Audience(expression="True")))
    began = datetime.now(UTC)
    assert send(population, producer, wait=threading.Event().wait) is MailingState.DONE
    assert (datetime.now(UTC) - began).total_seconds() >= 20 / 40


def test_another_rate_is_obeyed_before_the_next_chunk(population, producer):
    create(population, replace(SPRING, rate=1))
    queued = []

    def wait(_: float) -> bool:
        queued.append(len(producer.users))
        with transaction(population) as connection:
            mailings.set_rate(connection, "spring", 5, NOW)
        return False

    assert send(population, producer, wait=wait) is MailingState.DONE
    assert producer.users == MUSCOVITES
    chunks = [after - before for before, after in pairwise([0, *queued])]
    assert chunks[0] == 1, "the one after which it was changed"
    assert max(chunks) > 1, chunks


def test_a_rate_that_is_lowered_keeps_a_large_chunk_waiting_no_longer_than_it_took(
    population, producer
):
    """For so long neither a pause nor another rate would be seen."""
    create(population, replace(SPRING, rate=3, audience=Audience(expression="True")))
    waited = []

    def wait(seconds: float) -> bool:
        waited.append((len(producer.users), round(seconds)))
        with transaction(population) as connection:
            mailings.set_rate(connection, "spring", 1, NOW)
        return False

    assert send(population, producer, wait=wait) is MailingState.DONE
    # Nobody really waits here, so each time tells the seconds since the beginning.
    assert waited[:2] == [(3, 1), (6, 2)], "the second one is of the size of before"
    assert waited[2:] == [(queued, queued - 4) for queued in range(7, 21)]


def test_an_audience_of_nobody_is_done_at_once(population, producer):
    create(population, replace(SPRING, audience=Audience(expression="False")))
    assert send(population, producer) is MailingState.DONE
    assert producer.published == []
