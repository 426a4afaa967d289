from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.mailings import Audience, Mailing, MailingState
from quadrupel.store import mailings
from quadrupel.store.database import open_engine, transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SPRING = Mailing(
    name="spring",
    audience=Audience(expression='user.region == "77"'),
    channel="email",
    template="news",
    rate=50,
    state=MailingState.PLANNED,
    as_of=date(2026, 11, 23),
    audience_size=7,
    cursor=None,
    queued=0,
    created_at=NOW,
    updated_at=NOW,
)


@pytest.fixture
def connection(engine):
    with transaction(engine) as connection:
        yield connection


@pytest.mark.parametrize(
    "audience",
    [Audience(rule="newly_moved"), Audience(expression="True"), Audience(users=True)],
    ids=str,
)
def test_a_mailing_comes_back_as_it_was_kept(connection, audience):
    kept = replace(SPRING, audience=audience)
    mailings.create(connection, kept)
    assert mailings.get(connection, "spring") == kept


def test_a_name_is_taken_once(connection):
    mailings.create(connection, SPRING)
    with pytest.raises(Conflict, match="there is a mailing spring already"):
        mailings.create(connection, replace(SPRING, rate=1))
    assert mailings.get(connection, "spring").rate == 50


def test_a_mailing_that_is_not_there_is_not_found(connection):
    for call in (
        lambda: mailings.get(connection, "autumn"),
        lambda: mailings.hold(connection, "autumn"),
        lambda: mailings.move(connection, "autumn", list(MailingState), MailingState.DONE, NOW),
    ):
        with pytest.raises(NotFound, match="there is no mailing autumn"):
            call()


def test_the_rate_of_a_mailing_is_changed_until_it_is_over(connection):
    mailings.create(connection, SPRING)
    for state in (MailingState.SENDING, MailingState.PAUSED):
        mailings.move(connection, "spring", list(MailingState), state, NOW)
        changed = mailings.set_rate(connection, "spring", 7 + len(state), LATER)
        assert (changed.rate, changed.updated_at) == (7 + len(state), LATER)
        assert mailings.hold(connection, "spring") == (state, 7 + len(state))
    for state in (MailingState.DONE, MailingState.CANCELLED):
        mailings.move(connection, "spring", list(MailingState), state, NOW)
        with pytest.raises(Conflict, match=f"mailing spring is {state.value}: it sends no more"):
            mailings.set_rate(connection, "spring", 5, LATER)
    with pytest.raises(NotFound, match="there is no mailing autumn"):
        mailings.set_rate(connection, "autumn", 5, LATER)


def test_the_latest_come_first(connection):
    for number in range(3):
        created = NOW + timedelta(days=number)
        mailings.create(connection, replace(SPRING, name=f"m{number}", created_at=created))
    assert [each.name for each in mailings.latest(connection, 2)] == ["m2", "m1"]


def test_a_mailing_moves_only_from_a_state_it_is_in(connection):
    mailings.create(connection, SPRING)
    moved = mailings.move(connection, "spring", [MailingState.PLANNED], MailingState.SENDING, NOW)
    assert (moved.state, moved.rate) == mailings.hold(connection, "spring")
    assert moved.state is MailingState.SENDING
    with pytest.raises(Conflict, match="mailing spring is sending, not paused or planned"):
        mailings.move(
            connection,
            "spring",
            [MailingState.PLANNED, MailingState.PAUSED],
            MailingState.DONE,
            NOW,
        )


def test_the_cursor_and_the_count_move_on(connection):
    mailings.create(connection, SPRING)
    mailings.advance(connection, "spring", "u5", 5, NOW)
    mailings.advance(connection, "spring", "u9", 3, NOW)
    mailings.resize(connection, "spring", 20)
    found = mailings.get(connection, "spring")
    assert (found.cursor, found.queued, found.audience_size) == ("u9", 8, 20)


def test_a_list_of_users_is_kept_once_each_in_the_order_of_bytes(connection):
    given = ["b", "a", "B", "a", "_", "a:1", "a.1"]
    assert mailings.add_users(connection, "spring", given) == 6
    assert mailings.users(connection, "spring", None, 10) == sorted(set(given))
    assert mailings.users(connection, "spring", "a", 2) == ["a.1", "a:1"]
    assert mailings.users(connection, "autumn", None, 10) == []


def test_a_list_goes_alone(connection):
    mailings.add_users(connection, "spring", ["a", "b"])
    connection.exec_driver_sql("DROP TABLE mailing_batch")
    mailings.add_users(connection, "autumn", ["a", "c"])
    assert mailings.forget_users(connection, "spring", 1) == 1
    assert mailings.users(connection, "spring", None, 10) == ["b"]
    assert [mailings.forget_users(connection, "spring", 5) for _ in range(2)] == [1, 0]
    assert mailings.users(connection, "spring", None, 10) == []
    assert mailings.users(connection, "autumn", None, 10) == ["a", "c"]


def test_a_short_list_is_found_beside_a_long_one(connection):
    mailings.add_users(connection, "spring", map(str, range(5_000)))
    connection.exec_driver_sql("DROP TABLE mailing_batch")
    mailings.add_users(connection, "autumn", ["7", "8"])
    connection.exec_driver_sql("ANALYZE mailing_users")
    assert mailings.users(connection, "autumn", None, 10) == ["7", "8"]
    query = "SELECT pg_stat_get_xact_numscans('mailing_users_of_mailing'::regclass)"
    assert connection.exec_driver_sql(query).scalar_one() == 1


def test_one_process_at_a_time_sends_a_mailing_and_dying_sets_it_free(engine, migrated_url):
    other = open_engine(migrated_url)
    with mailings.only_sender(engine, "spring"):
        with mailings.only_sender(other, "autumn"):
            pass
        with (
            pytest.raises(Conflict, match="being sent by another process"),
            mailings.only_sender(other, "spring"),
        ):
            pass
    with pytest.raises(RuntimeError), mailings.only_sender(engine, "spring"):
        raise RuntimeError
    with mailings.only_sender(other, "spring"):
        pass
    with mailings.only_sender(engine, "spring"), transaction(other) as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
        with mailings.only_sender(other, "spring"):
            pass
    other.dispose()
