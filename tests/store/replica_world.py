"""A primary and its replica with one number to read, and a clock that goes on while one waits."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from quadrupel.store.database import open_engine, transaction
from quadrupel.store.replica import PageReads
from quadrupel.telemetry import RUN_PAGES_READ


@dataclass
class Clock:
    """A clock that goes on while one waits, and notes it; at wait number `at`, `action` is done."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)
    at: int = -1
    action: object = None
    goes_on: bool = True

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds
        self.waits.append(seconds)
        if len(self.waits) == self.at:
            self.action()
        return self.goes_on


@dataclass
class World:
    """A table of one number on both servers, and the reads that are tested."""

    pair: object
    primary: sa.Engine
    engine: sa.Engine
    clock: Clock
    reads: PageReads
    name: str

    def set(self, number):
        with transaction(self.primary) as connection:
            connection.execute(sa.text("UPDATE numbers SET number = :n"), {"n": number})

    def pause(self):
        self.pair.standby.ask("SELECT pg_wal_replay_pause()")
        while self.pair.standby.ask("SELECT pg_get_wal_replay_pause_state()") != [("paused",)]:
            pass

    def resume(self):
        """Go on with the replay, and wait until all is in."""
        self.pair.lets_go()

    def begin(self):
        self.reads.begin(self.clock.wait)

    def read(self):
        """The number, and where it was read."""
        before = {each: pages(each) for each in ("primary", "replica")}
        number = self.reads.read(lambda connection: connection.scalar(sa.text(NUMBER)))
        [source] = [each for each, count in before.items() if pages(each) != count]
        return number, source


NUMBER = "SELECT number FROM numbers"


def pages(source):
    return RUN_PAGES_READ.labels(source)._value.get()


@contextmanager
def open_world(pair, pair_urls):
    primary_url, replica_url = pair_urls
    primary, engine = open_engine(primary_url), open_engine(replica_url, pool_size=1)
    with transaction(primary) as connection:
        connection.execute(sa.text("CREATE TABLE numbers AS SELECT 1 AS number"))
    clock = Clock()
    name = primary_url.partition("?")[0].rpartition("/")[2]
    yield World(pair, primary, engine, clock, PageReads(primary, engine, 10, clock), name)
    engine.dispose()
    primary.dispose()
