"""Connections: what the errors of the database mean, and what limits they work within."""

import threading
import time
import traceback

import pytest
import sqlalchemy as sa
import time_machine

from quadrupel.core.errors import ConcurrentWrite, DatabaseRefused, DatabaseUnavailable
from quadrupel.store import database
from quadrupel.store.database import PATIENT, STAGE, Limits, open_engine, transaction

SECRET = "the name of a person"

TABLE = """
    CREATE TABLE refusing (
        number int NOT NULL CONSTRAINT small CHECK (number < 10), name text UNIQUE, day date
    );
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.number = 5 THEN RAISE EXCEPTION 'not 5, %', NEW.name; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON refusing FOR EACH ROW EXECUTE FUNCTION refuse()
"""


def run(engine, *statements, **values):
    """Run statements in one transaction."""
    with transaction(engine) as connection:
        for statement in statements:
            connection.execute(sa.text(statement), values)


@pytest.fixture
def refusing(engine):
    """A table that takes numbers below 10, no name twice, and what its trigger lets pass."""
    with transaction(engine) as connection:
        database.driver(connection).execute(TABLE)
    run(engine, "INSERT INTO refusing VALUES (1, :name)", name=SECRET)
    return engine


LONG = "string_agg(md5(n::text), :secret) FROM generate_series(1, 9999) n"
REFUSED = [
    ("INSERT INTO refusing VALUES (10, :secret)", "CheckViolation (23514), constraint small"),
    ("INSERT INTO refusing VALUES (1, :secret)", "UniqueViolation (23505)"),
    ("INSERT INTO refusing VALUES (NULL, :secret)", "NotNullViolation (23502)"),
    ("INSERT INTO refusing VALUES (5, :secret)", "RaiseException (P0001)"),
    ("INSERT INTO refusing (number, day) VALUES (1, CAST(:secret AS date))", "InvalidDatetime"),
    ("INSERT INTO refusing VALUES (1, :secret || chr(0))", "the database refused it"),
    ("INSERT INTO refusing VALUES (99999999999, :secret)", "NumericValueOutOfRange (22003)"),
    (f"INSERT INTO refusing SELECT 1, {LONG}", "ProgramLimitExceeded (54000)"),
]


@pytest.mark.parametrize(("statement", "says"), REFUSED)
def test_what_the_database_will_never_take_is_refused_without_telling_the_values(
    refusing, statement, says
):
    with pytest.raises(DatabaseRefused) as refused:
        run(refusing, statement, secret=SECRET)
    assert says in str(refused.value)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_a_copy_of_what_no_text_can_hold_is_refused_too(refusing):
    def copy():
        with (
            transaction(refusing) as connection,
            database.driver(connection).cursor() as cursor,
            cursor.copy("COPY refusing (number, name) FROM STDIN") as rows,
        ):
            rows.write_row([2, "a\0b"])

    with pytest.raises(DatabaseRefused):
        copy()


@pytest.mark.parametrize("statement", ["SELECT nothing", "SELECT * FROM nowhere", "SELEC 1"])
def test_a_mistake_in_a_statement_stays_a_programming_error(refusing, statement):
    with pytest.raises(sa.exc.ProgrammingError):
        run(refusing, statement)


def test_a_server_that_only_reads_is_waited_for(refusing):
    with pytest.raises(DatabaseUnavailable):
        run(refusing, "SET TRANSACTION READ ONLY", "DELETE FROM refusing")


OUT_OF = ["53000", "53100", "53200", "53300", "57P01", "57P02", "57P03", "58030"]
"""Disk, memory, connections; a server that ends, starts or cannot read: no fault of a value."""


@pytest.mark.parametrize("state", OUT_OF)
def test_a_server_that_lacks_something_is_waited_for(engine, state):
    lacking = f"DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'lacking', ERRCODE = '{state}'; END $$"
    with pytest.raises(DatabaseUnavailable, match="lacking"):
        run(engine, lacking)


@pytest.fixture
def hasty(migrated_url):
    engine = open_engine(migrated_url, limits=Limits(statement=1, lock=1, idle_in_transaction=1))
    yield engine
    engine.dispose()


def test_a_statement_that_takes_too_long_is_ended(hasty):
    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        run(hasty, "SELECT pg_sleep(20)")


def test_a_statement_may_be_allowed_its_time(hasty):
    with transaction(hasty) as connection:
        database.without_statement_limit(connection)
        connection.execute(sa.text("SELECT pg_sleep(1.5)"))
    with transaction(hasty) as connection:
        assert connection.execute(sa.text("SHOW statement_timeout")).scalar_one() == "1s"


def test_a_lock_is_not_waited_for_longer_than_the_limit(engine, hasty):
    with transaction(engine) as holder:
        holder.execute(sa.text("LOCK TABLE profiles"))
        with pytest.raises(DatabaseUnavailable, match="timeout"):
            run(hasty, "SELECT count(*) FROM profiles")


def test_a_transaction_that_nobody_waits_for_any_more_is_rolled_back(refusing):
    def dawdle():
        with transaction(refusing, time.monotonic() + 0.2) as connection:
            connection.execute(sa.text("INSERT INTO refusing VALUES (2)"))
            time.sleep(0.3)

    with pytest.raises(DatabaseUnavailable, match="too late"):
        dawdle()
    with transaction(refusing, time.monotonic() + 60) as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM refusing")).scalar_one() == 1


def test_a_worker_that_sleeps_in_a_transaction_loses_its_locks(engine, hasty):
    def sleep():
        with transaction(hasty) as sleeper:
            sleeper.execute(sa.text("LOCK TABLE profiles"))
            run(engine, "SET LOCAL lock_timeout = '20s'", "LOCK TABLE profiles")
            sleeper.execute(sa.text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        sleep()


def test_commands_of_people_have_no_limits_and_stages_have_short_ones(migrated_url):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    for limits, expected in ((PATIENT, ["0", "0", "0"]), (STAGE, ["1min", "10s", "30s"])):
        with database.connect(migrated_url, autocommit=True, limits=limits) as connection:
            shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in names]
        assert shown == expected


def test_limits_outlive_a_transaction_that_was_rolled_back(hasty):
    with pytest.raises(ZeroDivisionError), transaction(hasty):
        raise ZeroDivisionError
    with transaction(hasty) as connection:
        assert connection.execute(sa.text("SHOW lock_timeout")).scalar_one() == "1s"


def test_a_session_is_used_again_for_an_hour_and_then_replaced(engine):
    def session():
        with transaction(engine) as connection:
            return connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()

    first = session()
    with time_machine.travel(time.time() + 3500):
        assert session() == first
    with time_machine.travel(time.time() + 3700):
        assert session() != first


def test_what_the_url_says_goes_before_our_own_settings(migrated_url):
    url = f"{migrated_url}{'&' if '?' in migrated_url else '?'}application_name=mine"
    with database.connect(url, autocommit=True) as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("mine",)


def test_a_statement_of_its_own_is_kept_at_once_and_the_next_transaction_is_one_again(refusing):
    with database.statements(refusing) as connection:
        connection.execute(sa.text("INSERT INTO refusing VALUES (2, 'two')"))
        with transaction(refusing) as other:
            assert other.execute(sa.text("SELECT count(*) FROM refusing")).scalar_one() == 2
    with pytest.raises(DatabaseRefused) as refused, database.statements(refusing) as connection:
        connection.execute(sa.text("INSERT INTO refusing VALUES (99, :name)"), {"name": SECRET})
    assert SECRET not in str(refused.value)
    three = "INSERT INTO refusing VALUES (3, 'three')"
    with pytest.raises(DatabaseRefused):
        run(refusing, three, "INSERT INTO refusing VALUES (99, 'ninety-nine')")
    with database.statements(refusing) as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM refusing")).scalar_one() == 2


def test_the_victim_of_a_deadlock_is_told_to_come_again(refusing):
    met = threading.Barrier(2)
    outcomes = []

    def lock(first, second):
        try:
            with transaction(refusing) as connection:
                connection.execute(sa.text(f"LOCK TABLE {first}"))
                met.wait()
                connection.execute(sa.text(f"LOCK TABLE {second}"))
        except ConcurrentWrite:
            outcomes.append("victim")
        else:
            outcomes.append("done")

    threads = [
        threading.Thread(target=lock, args=names)
        for names in (("profiles", "contacts"), ("contacts", "profiles"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "victim"]
