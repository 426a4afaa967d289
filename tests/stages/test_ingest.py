"""Ingest on a real database: garbage, and what the database itself refuses."""

import contextlib
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core.errors import AssignmentLost, DatabaseUnavailable, Halted
from quadrupel.core.events import Event
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.profiles import Profile
from quadrupel.stages import loop
from quadrupel.stages.alarm import Alarm
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.store import halts
from quadrupel.store.database import Limits, driver, open_engine, transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.testing import MemoryBus

from .conftest import NOW, SCHEMA

STORE = ProfileStore(SCHEMA)


def moved(user, region="77", number=1):
    event = Event(
        str(number), "/registry", "moved", user, NOW - timedelta(days=1), {"region": region}
    )
    return Outgoing(topics.EVENTS, user.encode(), encode_event(event))


def garbage(count):
    return [Outgoing(topics.EVENTS, b"source", b"{%d" % number) for number in range(count)]


def regions(engine):
    with transaction(engine) as connection:
        page = STORE.page(connection, "", None, 100_000)
    return {profile.user_id: profile.values.get("region") for profile in page}


def ingest_on(engine, alarm=None, keep_alive=lambda: None):
    return Ingest(engine, lambda: declared(SCHEMA), lambda: NOW, alarm, keep_alive)


def users(outgoing):
    return [message.key.decode() for message in outgoing if message.topic == topics.PROFILES]


def letters(outgoing, delivered):
    dead = [message for message in outgoing if message.topic == topics.DEAD_LETTERS]
    return [codec.read_dead_letter(message) for message in delivered(dead)]


def metric(name, **labels):
    return REGISTRY.get_sample_value(f"quadrupel_{name}", labels) or 0.0


def test_garbage_halts_the_stage_and_nothing_of_its_batch_is_saved(applied, delivered):
    ingest = ingest_on(applied)
    dead = metric("dead_letters_total", stage="ingest", reason="not-json")
    with pytest.raises(Halted, match="100 messages in a row were bad, most often not-json"):
        ingest.process(delivered([moved("before"), *garbage(100), moved("behind")]))
    assert regions(applied) == {}
    assert metric("dead_letters_total", stage="ingest", reason="not-json") == dead
    with transaction(applied) as connection:
        assert halts.find(connection, "ingest") is not None


def test_a_wrong_type_is_as_bad_as_what_is_no_event(applied, delivered):
    wrong = [moved(f"u{number}", region=77) for number in range(100)]
    with pytest.raises(Halted, match="most often wrong-type"):
        ingest_on(applied).process(delivered([*wrong, moved("good")]))
    assert regions(applied) == {}


def test_a_user_whose_only_event_is_refused_is_handed_on_all_the_same(applied, delivered):
    """Whoever reported it may wait until the banner set contains it."""
    outgoing = ingest_on(applied).process(delivered([moved("anna", region=77)]))
    assert users(outgoing) == ["anna"]
    assert [letter.reason for letter in letters(outgoing, delivered)] == ["wrong-type"]


def test_ninety_nine_bad_ones_are_put_aside_and_the_others_saved(applied, delivered):
    outgoing = ingest_on(applied).process(delivered([*garbage(99), moved("good")]))
    assert regions(applied) == {"good": "77"}
    assert len(letters(outgoing, delivered)) == 99


def test_a_poison_storm_halts_the_flow_and_after_the_resume_everything_arrives(applied):
    """Through the loop: good events, a storm, and good events behind it."""
    bus = MemoryBus(lambda: NOW)
    bus.admin().create(topics.topics(2))
    good = [moved(f"u{number:03}") for number in range(300)]
    bus.producer().publish([*good[:150], *garbage(400), *good[150:]])
    stop, clock = threading.Event(), iter(range(10**9))

    def now():
        return NOW + timedelta(seconds=next(clock))

    alarm = Alarm(applied, "ingest", "host:1", now)
    consumer = bus.consumer(topics.EVENTS, topics.INGEST_GROUP)
    work = ingest_on(applied, alarm, consumer.keep_alive)
    seen = []

    def halt():
        found = alarm.halt()
        if found is not None:
            seen.append((found.reason, set(regions(applied))))
            with transaction(applied) as connection:
                halts.resume(connection, "ingest", NOW)
        return found

    def idle():
        if bus.admin().progress(topics.EVENTS, topics.INGEST_GROUP).lag == 0:
            stop.set()

    loop.run(loop.Stage("ingest", consumer, bus.producer(), work.process, 50, idle, halt), stop)
    [(reason, saved)] = seen
    assert "were bad, most often not-json" in reason
    assert saved < {message.key.decode() for message in good}
    assert set(regions(applied)) == {message.key.decode() for message in good}
    dead = [codec.read_dead_letter(each) for each in bus.admin().browse(topics.DEAD_LETTERS)]
    assert sorted(letter.body for letter in dead) == sorted(each.value for each in garbage(400))


REFUSING = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.region LIKE 'secret%' THEN
            RAISE EXCEPTION 'region % of %', NEW.region, NEW.user_id;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON profiles
        FOR EACH ROW EXECUTE FUNCTION refuse();
    ALTER TABLE profiles ADD CONSTRAINT plausible CHECK (region <> 'nowhere')
"""


@pytest.fixture
def refusing(applied):
    """Profiles whose database refuses two values of a region."""
    with transaction(applied) as connection:
        driver(connection).execute(REFUSING)
    return applied


@contextlib.contextmanager
def counted(engine):
    transactions = []
    listener = lambda _: transactions.append(1)  # noqa: E731
    sa.event.listen(engine, "begin", listener)
    yield transactions
    sa.event.remove(engine, "begin", listener)


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ("nowhere", "CheckViolation (23514), constraint plausible, table profiles"),
        ("secret", "RaiseException (P0001)"),
    ],
)
def test_the_one_event_that_the_database_refuses_is_found_and_the_others_saved(
    refusing, delivered, region, says
):
    kept_alive = []
    ingest = ingest_on(refusing, keep_alive=lambda: kept_alive.append(1))
    batch = [moved(f"u{number:04}") for number in range(4_000)]
    batch[1_234] = moved("u1234", region)
    with counted(refusing) as transactions:
        outgoing = ingest.process(delivered(batch))
    assert 12 <= len(transactions) <= 2 * 12 + 1
    assert len(kept_alive) >= 12
    assert len(regions(refusing)) == 3_999
    assert "u1234" not in regions(refusing)
    assert sorted(users(outgoing)) == sorted({*regions(refusing), "u1234"})
    [letter] = letters(outgoing, delivered)
    assert (letter.reason, letter.body) == ("database-refused", batch[1_234].value)
    assert says in letter.detail
    assert "secret" not in letter.detail
    assert "u1234" not in letter.detail


def test_the_good_events_of_a_user_with_a_refused_one_are_saved(refusing, delivered):
    child = Event("9", "/registry", "child.registered", "u1", NOW - timedelta(days=1), {})
    batch = [
        moved("u1", number=1),
        Outgoing(topics.EVENTS, b"u1", encode_event(child)),
        moved("u1", "nowhere", number=2),
        moved("u2"),
    ]
    outgoing = ingest_on(refusing).process(delivered(batch))
    assert [letter.body for letter in letters(outgoing, delivered)] == [batch[2].value]
    assert sorted(users(outgoing)) == ["u1", "u2"]
    with transaction(refusing) as connection:
        assert STORE.read_values(connection, ["u1"])["u1"].values == {"region": "77", "children": 1}


def test_a_batch_that_was_halved_changes_nothing_when_it_comes_again(refusing, delivered):
    ingest = ingest_on(refusing)
    batch = delivered([*(moved(f"u{number}") for number in range(50)), moved("u7", "nowhere", 2)])
    first = ingest.process(batch)
    with transaction(refusing) as connection:
        versions = connection.execute(sa.text("SELECT user_id, version FROM profiles")).all()
    again = ingest.process(batch)
    assert sorted(users(again)) == sorted(users(first))
    assert letters(again, delivered) == letters(first, delivered)
    with transaction(refusing) as connection:
        assert (
            connection.execute(sa.text("SELECT user_id, version FROM profiles")).all() == versions
        )


def test_a_database_that_refuses_everything_halts_the_stage(refusing, delivered):
    batch = delivered([moved(f"u{number:03}", "nowhere") for number in range(500)])
    with counted(refusing) as transactions, pytest.raises(Halted, match="database-refused"):
        ingest_on(refusing).process(batch)
    assert len(transactions) < 300
    assert regions(refusing) == {}


def test_partitions_lost_while_halving_drop_the_batch(refusing, delivered):
    def lost():
        raise AssignmentLost("gone")

    ingest = ingest_on(refusing, keep_alive=lost)
    with pytest.raises(AssignmentLost):
        ingest.process(delivered([moved("u1"), moved("u2", "nowhere")]))


def test_a_missing_column_stops_the_stage_and_puts_nothing_aside(applied, delivered):
    with transaction(applied) as connection:
        connection.execute(sa.text("ALTER TABLE profiles DROP COLUMN region"))
    with counted(applied) as transactions, pytest.raises(Exception, match="region") as error:
        ingest_on(applied).process(delivered([moved("u1"), moved("u2")]))
    assert "UndefinedColumn" in repr(error.value)
    assert len(transactions) <= 1


def test_a_database_that_is_away_is_never_held_against_the_events(applied, migrated_url, delivered):
    hasty = open_engine(migrated_url, limits=Limits(lock=1))
    ingest = ingest_on(hasty)
    batch = delivered([*garbage(60), moved("u1")])
    with transaction(applied) as connection:
        connection.execute(sa.text("LOCK TABLE profiles"))
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                ingest.process(batch)
    assert len(letters(ingest.process(batch), delivered)) == 60
    hasty.dispose()


def born(day, offset, partition=0):
    event = Event("birth", "/registry", "child.registered", "u1", NOW - timedelta(days=1), {})
    arrived = NOW + timedelta(days=day)
    return Message(topics.EVENTS, partition, offset, b"u1", encode_event(event), arrived)


def relocated(day, offset, partition):
    moved_away = moved("u1", number=offset)
    arrived = NOW + timedelta(days=day)
    return Message(topics.EVENTS, partition, offset, b"u1", moved_away.value, arrived)


@pytest.mark.parametrize("partition", [0, 1])
def test_a_repetition_that_the_bus_delivers_again_long_after_changes_nothing(applied, partition):
    """Its identity was forgotten meanwhile; a new worker knows only what was saved."""
    first, again, later = born(0, 1), born(6, 5), relocated(9, 9, partition)
    for message in (first, again, later):
        ingest_on(applied).process([message])
    before = saved(applied)
    assert before.values == {"region": "77", "children": 1}
    assert before.state.seen == {}
    ingest_on(applied).process([again, later])
    assert saved(applied) == before


def saved(engine):
    with transaction(engine) as connection:
        profile = STORE.read(connection, ["u1"])["u1"]
    return Profile("u1", profile.version, dict(profile.values), profile.state)


def test_events_are_counted_by_what_became_of_them(applied, delivered):
    names = ("consumed", "folded", "unchanged", "late")
    ingest = ingest_on(applied)
    before = [metric(f"events_{name}_total") for name in names]
    phases = [
        metric("stage_phase_seconds_count", stage="ingest", phase=phase)
        for phase in ("decode", "read", "fold", "write")
    ]
    late = Event("3", "/registry", "moved", "u2", NOW - timedelta(days=9), {"region": "50"})
    batch = [
        moved("u1"),
        moved("u1"),
        moved("u1", number=2),
        Outgoing(topics.EVENTS, b"u2", encode_event(late)),
        *garbage(1),
    ]
    dead = metric("dead_letters_total", stage="ingest", reason="not-json")
    ingest.process(delivered(batch))
    after = [metric(f"events_{name}_total") for name in names]
    grown = [now - then for now, then in zip(after, before, strict=True)]
    assert grown[0] == 5
    assert grown[1] + grown[2] == 4
    assert grown[2] >= 1
    assert grown[3] == 1
    assert metric("dead_letters_total", stage="ingest", reason="not-json") == dead + 1
    assert [
        metric("stage_phase_seconds_count", stage="ingest", phase=phase)
        for phase in ("decode", "read", "fold", "write")
    ] == [count + 1 for count in phases]
