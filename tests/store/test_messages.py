from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from quadrupel.core.channels import Settlement
from quadrupel.core.errors import NotFound
from quadrupel.core.messages import Message, MessageKey, MessageState
from quadrupel.store import message_desk, messages
from quadrupel.store.database import transaction
from quadrupel.store.message_desk import Filter
from quadrupel.store.messages import Settled

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LAPSES = NOW + timedelta(minutes=5)
LATER = NOW + timedelta(seconds=1)
SENT = Settlement(MessageState.SENT)


def key(number, origin="rule:moved", channel="email"):
    return MessageKey(f"user{number}", origin, "2026-11-20", channel)


def message(number, **changes):
    return Message(key(number, **changes), "moved", {"region": 'Ямал "89" \\'})


def record(engine, *given, now=NOW):
    with transaction(engine) as connection:
        return messages.record(connection, given, now)


def claim(engine, *keys, now=NOW, lapses_at=LAPSES):
    with transaction(engine) as connection:
        return messages.claim(connection, keys, now, lapses_at)


def claim_due(engine, now, channel="email", limit=10):
    with transaction(engine) as connection:
        # An index that is read by chance would give the right order without being asked for it.
        connection.execute(sa.text("SET LOCAL enable_indexscan = off"))
        return messages.claim_due(connection, channel, limit, now, now + timedelta(minutes=5))


def settle(engine, *settled, now=NOW):
    with transaction(engine) as connection:
        return messages.settle(connection, settled, now)


def lapse(engine, now):
    with transaction(engine) as connection:
        return messages.lapse(connection, now)


def entry(engine, key):
    with transaction(engine) as connection:
        return message_desk.get(connection, key)


def retry(at, reason="451 later"):
    return Settlement(MessageState.RETRY, reason, at)


def test_a_message_is_recorded_once_and_due_until_it_is_claimed(engine):
    assert record(engine, message(2), message(1)) == [key(1), key(2)]
    assert record(engine, message(1), message(1), message(3)) == [key(1), key(3)]
    claim(engine, key(1))
    assert record(engine, message(1), message(3)) == [key(3)]
    assert record(engine) == []


def test_a_repeated_record_changes_nothing(engine):
    record(engine, message(1))
    record(engine, Message(key(1), "another", {}), now=NOW + timedelta(days=1))
    assert entry(engine, key(1)).message == message(1)
    assert entry(engine, key(1)).recorded_at == NOW


def test_a_message_is_claimed_once(engine):
    record(engine, message(1), message(2))
    [claimed] = claim(engine, key(1), key(1), key(9))
    assert claimed.message == message(1)
    assert (claimed.attempts, claimed.recorded_at, claimed.lapses_at) == (1, NOW, LAPSES)
    assert entry(engine, key(1)).state is MessageState.SENDING
    assert claim(engine, key(1)) == []
    assert claim(engine) == []


def test_what_became_of_a_claim_is_written_once(engine):
    record(engine, message(1))
    [claimed] = claim(engine, key(1))
    assert settle(engine, Settled(claimed, SENT)) == 1
    assert entry(engine, key(1)).state is MessageState.SENT
    assert settle(engine, Settled(claimed, retry(NOW))) == 0
    assert settle(engine) == 0
    assert entry(engine, key(1)).state is MessageState.SENT
    assert claim(engine, key(1)) == []


def test_an_attempt_that_was_none_is_not_counted(engine):
    record(engine, message(1), message(2))
    first, second = claim(engine, key(1), key(2))
    settle(engine, Settled(first, retry(NOW)), Settled(second, retry(NOW), counts=False))
    assert [entry(engine, key(number)).attempts for number in (1, 2)] == [1, 0]


def test_a_retry_is_claimed_when_it_is_due_the_longest_due_first(engine):
    record(engine, *(message(number) for number in range(4)), message(9, channel="webhook:crm"))
    keys = [key(number) for number in range(4)]
    claims = claim(engine, *keys, key(9, channel="webhook:crm"))
    waits = {
        claim.message.key: minutes for claim, minutes in zip(claims, (3, 1, 9, 2, 1), strict=True)
    }
    settle(
        engine,
        *(
            Settled(each, retry(NOW + timedelta(minutes=waits[each.message.key])))
            for each in claims
        ),
    )
    assert claim_due(engine, NOW) == []
    due = claim_due(engine, NOW + timedelta(minutes=3), limit=2)
    expected = sorted((k for k in keys if waits[k] <= 3), key=waits.get)
    assert {each.message.key for each in due} == set(expected[:2])
    assert [each.attempts for each in due] == [2, 2]
    assert len(claim_due(engine, NOW + timedelta(minutes=3))) == 1


def test_the_channels_that_retries_wait_for_are_told_each_once(engine):
    channels = ["webhook:crm", "email", "webhook:b", "sms"]
    given = [message(number, channel=name) for name in channels for number in range(5)]
    record(engine, *given)
    claims = claim(engine, *(each.key for each in given if each.key.channel != "sms"))
    with transaction(engine) as connection:
        assert messages.channels_to_retry(connection) == []
    settle(engine, *(Settled(each, retry(NOW)) for each in claims))
    with transaction(engine) as connection:
        assert messages.channels_to_retry(connection) == ["email", "webhook:b", "webhook:crm"]


def test_two_workers_never_claim_the_same_retry(engine):
    record(engine, message(1), message(2))
    claims = claim(engine, key(1), key(2))
    settle(engine, *(Settled(each, retry(NOW)) for each in claims))
    with transaction(engine) as one, transaction(engine) as other:
        first = messages.claim_due(one, "email", 1, NOW, LAPSES)
        second = messages.claim_due(other, "email", 2, NOW, LAPSES)
    assert {each.message.key for each in [*first, *second]} == {key(1), key(2)}


def test_a_parked_message_waits_without_having_been_tried(engine):
    record(engine, message(1), message(2))
    claim(engine, key(2))
    with transaction(engine) as connection:
        assert messages.park(connection, [key(1), key(2), key(3)], "away", LAPSES, NOW) == 1
        assert messages.park(connection, [], "away", LAPSES, NOW) == 0
    parked = entry(engine, key(1))
    assert (parked.state, parked.attempts, parked.error) == (MessageState.RETRY, 0, "away")
    assert parked.next_attempt_at == LAPSES
    assert entry(engine, key(2)).state is MessageState.SENDING


def test_a_claim_that_lapsed_makes_its_message_unknown_for_good(engine):
    record(engine, message(1), message(2))
    [claimed] = claim(engine, key(1))
    assert lapse(engine, LAPSES - timedelta(microseconds=1)) == []
    assert lapse(engine, LAPSES) == [key(1)]
    assert lapse(engine, LAPSES) == []
    unknown = entry(engine, key(1))
    assert unknown.state is MessageState.UNKNOWN
    assert unknown.next_attempt_at is None
    assert record(engine, message(1)) == []
    assert claim(engine, key(1)) == []
    assert claim_due(engine, NOW + timedelta(days=365)) == []
    assert settle(engine, Settled(claimed, SENT)) == 1, "a late worker still knows"
    assert entry(engine, key(1)).state is MessageState.SENT


def test_a_worker_that_lost_its_claim_to_another_writes_nothing(engine):
    record(engine, message(1))
    [lost] = claim(engine, key(1))
    lapse(engine, LAPSES)
    with transaction(engine) as connection:
        message_desk.send_again(connection, key(1), 1, LAPSES + timedelta(seconds=1))
    [mine] = claim(engine, key(1), lapses_at=LAPSES + timedelta(minutes=5))
    assert settle(engine, Settled(lost, SENT)) == 0
    assert entry(engine, key(1)).state is MessageState.SENDING
    assert settle(engine, Settled(mine, SENT)) == 1


@pytest.fixture
def every_state(engine):
    """A message in each state, by state."""
    states = list(MessageState)
    record(engine, *(message(number) for number, _ in enumerate(states)))
    with transaction(engine) as connection:
        for number, state in enumerate(states):
            connection.execute(
                sa.text("UPDATE messages SET state = :state, attempts = 3 WHERE user_id = :user"),
                {"state": state.value, "user": f"user{number}"},
            )
    return {state: key(number) for number, state in enumerate(states)}


def test_an_operator_finds_messages_by_state_origin_and_user(engine, every_state):
    record(engine, message(0, origin="mailing:spring"))
    with transaction(engine) as connection:
        unknown = message_desk.find(connection, Filter(state=MessageState.UNKNOWN), 10)
        assert [each.message.key for each in unknown] == [every_state[MessageState.UNKNOWN]]
        assert len(message_desk.find(connection, Filter(user_id="user0"), 10)) == 2
        spring = message_desk.find(connection, Filter(origin="mailing:spring"), 10)
        assert [each.message.key.user_id for each in spring] == ["user0"]
        assert len(message_desk.find(connection, Filter(), 3)) == 3
        assert message_desk.find(connection, Filter(user_id="nobody"), 3) == []
        with pytest.raises(NotFound, match="user99/rule:moved"):
            message_desk.get(connection, key(99))


def test_an_operator_sends_again_only_what_is_not_on_its_way_nor_sent(engine, every_state):
    with transaction(engine) as connection:
        again = message_desk.send_again(connection, Filter(origin="rule:moved"), 100, LATER)
        assert message_desk.send_again(connection, Filter(), 100, LATER) == []
    assert set(again) == {every_state[state] for state in message_desk.RESENDABLE}
    for each in again:
        assert entry(engine, each).state is MessageState.PENDING
        assert entry(engine, each).attempts == 0
    assert entry(engine, every_state[MessageState.SENT]).state is MessageState.SENT
    assert entry(engine, every_state[MessageState.SENDING]).state is MessageState.SENDING


def test_an_operator_decides_only_about_unknown_messages(engine, every_state):
    unknown = every_state[MessageState.UNKNOWN]
    with transaction(engine) as connection:
        assert message_desk.decide(connection, Filter(), MessageState.SENT, 100, NOW) == [unknown]
        sending = every_state[MessageState.SENDING]
        assert message_desk.decide(connection, sending, MessageState.FAILED, 1, NOW) == []
    assert entry(engine, unknown).state is MessageState.SENT


def test_cancelling_an_origin_stops_what_waits_a_few_at_a_time(engine):
    record(engine, *(message(number, origin="mailing:spring") for number in range(5)), message(9))
    claim(engine, key(0, origin="mailing:spring"))
    with transaction(engine) as connection:
        moved = [message_desk.cancel(connection, "mailing:spring", 3, NOW) for _ in range(3)]
        assert [len(keys) for keys in moved] == [3, 1, 0]
        assert message_desk.count_by_state(connection, Filter(origin="mailing:spring")) == {
            MessageState.CANCELLED: 4,
            MessageState.SENDING: 1,
        }
    assert claim(engine, key(1, origin="mailing:spring")) == []
    assert len(claim(engine, key(9))) == 1


def cancel(connection, after):
    return message_desk.cancel(connection, "mailing:m", 50, LATER, after)


def send_again(connection, after):
    return message_desk.send_again(connection, Filter(), 50, LATER, after)


def decide(connection, after):
    return message_desk.decide(connection, Filter(), MessageState.SENT, 50, LATER, after)


@pytest.mark.parametrize(
    ("move", "state"), [(cancel, "pending"), (send_again, "failed"), (decide, "unknown")]
)
def test_a_chunk_begins_behind_the_one_before_and_costs_no_more_than_it(engine, move, state):
    record(engine, *(message(number, origin="mailing:m") for number in range(1_000, 1_300)))
    with transaction(engine) as connection:
        connection.execute(sa.text("UPDATE messages SET state = :state"), {"state": state})
    moved, costs = [], []
    with transaction(engine) as connection:
        for node in ("seqscan", "sort", "hashjoin", "mergejoin"):  # as with millions of messages
            connection.execute(sa.text(f"SET LOCAL enable_{node} = off"))
        while True:
            before = rows_read(connection)
            keys = move(connection, moved[-1] if moved else None)
            if not keys:
                break
            costs.append(rows_read(connection) - before)
            moved += keys
    assert moved == [key(number, origin="mailing:m") for number in range(1_000, 1_300)]
    assert max(costs) < 1.5 * min(costs)


def rows_read(connection):
    """Rows of messages that this transaction has read so far."""
    query = """SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
               WHERE relname = 'messages'"""
    return connection.exec_driver_sql(query).scalar_one()


def test_the_progress_of_a_mailing_is_read_from_its_index(engine):
    with transaction(engine) as connection:
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        query = sa.select(sa.func.count()).where(
            message_desk._matching(Filter(origin="mailing:spring"))
        )
        text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {text}"))
    assert "messages_of_mailings" in plan
