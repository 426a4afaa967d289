"""How fast events become committed profiles: `make bench-ingest`, `ARGS="--events 200000"`.

Against a table of `--profiles` profiles, `--events` events of `--per-user` each are waiting in the
topic, `--duplicates` of them for the second time. The events are those of lives of the synthetic
population; a user's come within `--spread` events of one another, as in one visit to a counter.
Two `quadrupel ingest` processes start, and the clock runs from the first to the last tenth of the
topic, so that neither their start nor the last incomplete batch counts. Broker, database and both
processes share the machine; the profiles are counted afterwards to see that every event is there.

The anchor does what most services do: the same client reads the same topic and upserts one profile
per event, in a transaction of its own, with the columns that the event feeds, in one process for
one partition out of six.
"""

import argparse
import contextlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice

import psycopg
from citizens import BASE, TODAY, facts_of, fill_profiles, user_id
from psycopg import sql
from rich.console import Console
from rich.table import Table
from stand import CpuClock, Stand, stand, wait_until

from quadrupel import bootstrap
from quadrupel.bus import topics
from quadrupel.bus.event_codec import decode_event, encode_event
from quadrupel.core.events import Event
from quadrupel.core.ports import Bus, Outgoing
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.core.windows import pack

GOAL = 40_000
ANCHOR_RATIO = 10


@dataclass(frozen=True)
class Load:
    """What is in the topic: how many events, and how many different ones."""

    messages: int
    different: int
    users: int


@dataclass(frozen=True)
class Measured:
    """What one run of ingest took."""

    rate: float
    writes: int
    wal_bytes: int
    cpu: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--per-user", type=int, default=5)
    parser.add_argument("--duplicates", type=float, default=0.05)
    parser.add_argument("--spread", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--anchor-seconds", type=float, default=15.0)
    arguments = parser.parse_args()
    with stand() as kafka:
        load = prepare(kafka, arguments)
        anchor = one_by_one(kafka, arguments.anchor_seconds)
        ours = ingest(kafka, load, arguments.workers)
    with stand(kafka=False) as alone:
        arguments.events = min(arguments.events, 500_000)
        on_postgres = ingest(alone, prepare(alone, arguments), arguments.workers)
    report(load, ours, anchor, on_postgres)


def prepare(stand: Stand, arguments: argparse.Namespace) -> Load:
    """Fill the table, and the topic."""
    fill_profiles(stand, arguments.profiles)
    with contextlib.closing(bootstrap.open_bus(stand.settings)) as bus:
        return fill_topic(bus, arguments)


def fill_topic(bus: Bus, arguments: argparse.Namespace) -> Load:
    chance = random.Random(5)
    different = int(arguments.events / (1 + arguments.duplicates))
    users = different // arguments.per_user
    chosen = chance.sample(range(arguments.profiles), min(users, arguments.profiles))
    stream = spread(
        with_duplicates(visits(chosen, arguments.per_user), arguments.duplicates, chance),
        arguments.spread,
        chance,
    )
    sent = 0
    with contextlib.closing(bus.producer()) as producer:
        while batch := list(islice(stream, 20_000)):
            producer.publish(batch)
            sent += len(batch)
    return Load(sent, users * arguments.per_user, users)


def visits(chosen: Sequence[int], per_user: int) -> Iterator[Outgoing]:
    """So many new facts of each user, one user after the other."""
    now = datetime.now(UTC)
    for number in chosen:
        name = user_id(number)
        facts = facts_of(name, number % BASE + BASE, "/now")[-per_user:]
        facts = (facts * per_user)[:per_user]
        for place, fact in enumerate(facts):
            event = Event(
                f"{name}-{place}",
                "/now",
                fact.type,
                name,
                now - timedelta(seconds=60 - place),
                fact.data,
            )
            yield Outgoing(topics.EVENTS, name.encode(), encode_event(event))


def with_duplicates(
    stream: Iterator[Outgoing], share: float, chance: random.Random
) -> Iterator[Outgoing]:
    """Some messages a second time, up to 20,000 messages later."""
    again: list[Outgoing] = []
    for message in stream:
        yield message
        if chance.random() < share:
            again.append(message)
        if len(again) > 1_000:
            yield again.pop(chance.randrange(len(again)))
    yield from again


def spread(stream: Iterator[Outgoing], window: int, chance: random.Random) -> Iterator[Outgoing]:
    """The messages in another order, none of them far from where it was."""
    while part := list(islice(stream, window)):
        chance.shuffle(part)
        yield from part


def ingest(stand: Stand, load: Load, workers: int) -> Measured:
    """Let ingest work through the topic."""
    with (
        contextlib.closing(bootstrap.open_bus(stand.settings)) as bus,
        psycopg.connect(stand.settings.database, autocommit=True) as connection,
    ):
        before, versions = wal(connection), total_versions(connection)
        with stand.running(*[["ingest"]] * workers) as pids:
            names = {"ingest": pids, "postgres": stand.postgres_pids()}
            if stand.broker_pid:
                names["broker"] = [stand.broker_pid]
            cpu = CpuClock(names)
            rate = watch(bus, load.messages)
            used = cpu.seconds()
        written = total_versions(connection) - versions
        check(connection, load)
        return Measured(rate, written, wal(connection) - before, used)


def watch(bus: Bus, size: int) -> float:
    """Events a second between the first and the last tenth of the topic."""
    admin = bus.admin()
    marks: list[tuple[float, int]] = []

    def progress() -> int:
        time.sleep(0.4)  # a look costs the broker something
        left = admin.progress(topics.EVENTS, topics.INGEST_GROUP).lag
        marks.append((time.perf_counter(), size - left))
        return left

    wait_until(lambda: progress() == 0, 900, "ingest did not read everything")
    inside = [mark for mark in marks if 0.1 * size <= mark[1] <= 0.9 * size]
    (start, low), (end, high) = inside[0], inside[-1]
    return (high - low) / (end - start)


def check(connection: psycopg.Connection[tuple[object, ...]], load: Load) -> None:
    """Every user's profile must have been written since it was filled."""
    [[touched]] = connection.execute("SELECT count(*) FROM profiles WHERE version > 1").fetchall()
    assert touched == load.users, f"{touched} of {load.users} users were written"


def total_versions(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    [[total]] = connection.execute("SELECT sum(version)::bigint FROM profiles").fetchall()
    return int(str(total))


def wal(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    [[position]] = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchall()
    return int(str(position))


def one_by_one(stand: Stand, seconds: float) -> float:
    """Upserts a second, one per event, by one reader of the same topic."""
    rules = bootstrap.load_rules(stand.settings)
    feeds = Feeds(rules.schema)
    done = 0
    with (
        contextlib.closing(bootstrap.open_bus(stand.settings)) as bus,
        contextlib.closing(bus.consumer(topics.EVENTS, "bench.one-by-one")) as consumer,
        psycopg.connect(stand.settings.database, autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE one_by_one (LIKE profiles INCLUDING ALL)")
        connection.execute("INSERT INTO one_by_one SELECT * FROM profiles")
        connection.execute("VACUUM (ANALYZE) one_by_one")
        started = None
        while started is None or time.perf_counter() < started + seconds:
            for message in consumer.poll(500, 5.0):
                started = started or time.perf_counter()
                event = decode_event(message.value)
                profile = Profile(event.subject)
                fold(profile, arrived([event], TODAY), feeds)
                upsert(connection, profile)
                done += 1
            consumer.commit()
        taken = time.perf_counter() - started
        connection.execute("DROP TABLE one_by_one")
    return done / taken


def upsert(connection: psycopg.Connection[tuple[object, ...]], profile: Profile) -> None:
    values = {
        name: list(pack(value)) if isinstance(value, tuple) else value
        for name, value in profile.values.items()
        if not isinstance(value, dict)
    }
    connection.execute(upsert_of(tuple(values)), [profile.user_id, *values.values()])


@cache
def upsert_of(columns: tuple[str, ...]) -> sql.Composed:
    names = [sql.Identifier(name) for name in columns]
    return sql.SQL(
        "INSERT INTO one_by_one (user_id, version, updated_at, fold_state{0})"
        " VALUES (%s, 1, now(), ''{1}) ON CONFLICT (user_id) DO UPDATE SET"
        " version = one_by_one.version + 1, updated_at = now(){2}"
    ).format(
        sql.SQL("").join(sql.SQL(", {}").format(name) for name in names),
        sql.SQL("").join(sql.SQL(", %s") for _ in names),
        sql.SQL("").join(sql.SQL(", {0} = excluded.{0}").format(name) for name in names),
    )


def report(load: Load, ours: Measured, anchor: float, on_postgres: Measured) -> None:
    table = Table("figure", "value", title=f"{load.messages:,} events of {load.users:,} users")
    table.add_row("ingest, Kafka to committed profiles", f"{ours.rate:,.0f} events/s")
    table.add_row("one upsert per event, the anchor", f"{anchor:,.0f} events/s")
    table.add_row("ratio", f"{ours.rate / anchor:.1f}")
    table.add_row("ingest on the Postgres bus", f"{on_postgres.rate:,.0f} events/s")
    table.add_row("events per profile written", f"{load.messages / ours.writes:.2f}")
    table.add_row("WAL", f"{ours.wal_bytes / load.messages:,.0f} bytes an event")
    for name, seconds in ours.cpu.items():
        table.add_row(f"CPU of {name}", f"{seconds / load.messages * 1e6:.1f} s per million events")
    Console(width=100).print(table)
    met = ours.rate >= GOAL and ours.rate >= ANCHOR_RATIO * anchor
    figures: list[dict[str, object]] = [
        {
            "name": "ingest",
            "value": round(ours.rate),
            "unit": "events/s",
            "anchor": "one upsert per event",
            "anchor_value": round(anchor),
            "ratio": round(ours.rate / anchor, 2),
            "goal": f"value >= {GOAL}, ratio >= {ANCHOR_RATIO}",
            "met": met,
        },
        {"name": "ingest_postgres_bus", "value": round(on_postgres.rate), "unit": "events/s"},
        {"name": "wal", "value": round(ours.wal_bytes / load.messages), "unit": "bytes/event"},
        *(
            {
                "name": f"cpu_{name}",
                "value": round(seconds / load.messages * 1e6, 1),
                "unit": "s/million events",
            }
            for name, seconds in ours.cpu.items()
        ),
    ]
    print(json.dumps({"bench": "ingest", "figures": figures}))


if __name__ == "__main__":
    main()
