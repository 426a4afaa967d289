"""How soon a citizen sees what an event changed: `make bench-fresh`, `ARGS="--seconds 15"`.

Broker, database, every stage and the API run on this machine as `quadrupel up` runs them, against a
table of `--profiles` profiles. For `--seconds`, `--rate` events a second are produced to Kafka,
each of another citizen and each changing that citizen's banner set; the citizen's browser asks the
API for the banners, with the citizen's own token, until they contain the event. What is measured is
the time from the moment before the event is produced until that answer has been read. The first
seconds of a load, in which it comes up itself, are played and not counted. Then the same again
while a run over all users is in full flight.

Topics have `--partitions` partitions: what so little comes through gains nothing by more of them,
and each batch is spread over all.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

import httpx
import jwt
import psycopg
from citizens import fill_profiles, user_id
from pictures import histogram
from rich.console import Console
from rich.table import Table
from stand import ROOT, Stand, stand, wait_until

from quadrupel import bootstrap
from quadrupel.bus.topics import EVALUATE, EVALUATE_RANGES, INGEST, PUBLISH
from quadrupel.portal import AUDIENCE, ISSUER, Identity, create_identity, free_port
from quadrupel.stages import schedule

GOALS = {"p50": 50, "p99": 250, "p99_in_a_run": 1_000}
STAGES = (
    ["ingest"],
    ["evaluate", "--lane", "profiles"],
    ["evaluate", "--lane", "ranges"],
    ["publish"],
    ["schedule"],
)

WARM_UP_SECONDS = 20
WARM_UP_RATE = 100
"""What a new broker compiles while it begins costs more than the load; it is no part of it."""
LEAD_IN_SECONDS = 3
"""How long each load is played before it counts: it has to come up itself."""

LANES = (INGEST, EVALUATE, EVALUATE_RANGES, PUBLISH)


@dataclass(frozen=True)
class Times:
    """The milliseconds from event to banner, in order, and how many events were shown."""

    milliseconds: list[float]
    shown: int
    again: int
    late: float

    def percentile(self, which: int) -> float:
        return quantiles(self.milliseconds, n=100, method="inclusive")[which - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=200_000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--picture", type=Path, default=ROOT / "build" / "fresh.png")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stand(partitions=arguments.partitions) as parts:
        fill_profiles(parts, arguments.profiles)
        load = Load(parts, create_identity(Path(folder)), free_port(8123), arguments)
        with everything(parts, load):
            load.play(WARM_UP_SECONDS, rate=min(arguments.rate, WARM_UP_RATE))
            quiet = load.play(arguments.seconds)
            Console(stderr=True).print(
                f"quiet: p50 {quiet.percentile(50):.1f}, p99 {quiet.percentile(99):.1f} ms"
            )
            with run_in_flight(parts):
                busy = load.play(arguments.seconds)
    report(quiet, busy, arguments)


class Load:
    """Plays the load, each time with citizens that were not seen before."""

    def __init__(
        self, parts: Stand, identity: Identity, port: int, arguments: argparse.Namespace
    ) -> None:
        self.port = port
        self.identity = identity
        self._parts = parts
        self._rate = arguments.rate
        self._next = 0

    def play(self, seconds: int, rate: int | None = None) -> Times:
        rate = rate or self._rate
        count = rate * (LEAD_IN_SECONDS + seconds)
        users = [user_id(number) for number in range(self._next, self._next + count)]
        self._next += count
        expires = datetime.now(UTC) + timedelta(hours=1)
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": expires}
        citizens = "".join(
            f"{user} {jwt.encode(claims | {'sub': user}, self.identity.key, algorithm='ES256')}\n"
            for user in users
        )
        command = [sys.executable, str(ROOT / "benchmarks" / "fresh_load.py")]
        command += ["--kafka", self._parts.settings.kafka_bootstrap or ""]
        command += ["--api-port", str(self.port), "--rate", str(rate)]
        command += ["--lead-in", str(LEAD_IN_SECONDS)]
        done = subprocess.run(
            command, input=citizens, stdout=subprocess.PIPE, text=True, check=True
        )
        seen = json.loads(done.stdout)
        if seen["failed"]:
            raise RuntimeError(f"{seen['failed']} of {count} events were not seen within 10 s")
        milliseconds = sorted(each * 1000 for each in seen["seconds"])
        return Times(milliseconds, seen["shown"], seen["again"], seen["late"])


@contextlib.contextmanager
def everything(parts: Stand, load: Load) -> Iterator[None]:
    """The stages and the API."""
    settings = {
        "QUADRUPEL_JWT_KEYS": str(load.identity.public_file),
        "QUADRUPEL_JWT_ISSUER": ISSUER,
        "QUADRUPEL_NIGHT_AT": "23:59:59",  # no night but the run that is asked for
    }
    with parts.running(*STAGES, ["api", "--port", str(load.port)], **settings):
        wait_until(lambda: is_ready(load.port), 60, "the API is not ready")
        wait_until(lambda: has_members(parts), 60, "a stage does not work")
        yield


def has_members(parts: Stand) -> bool:
    """Whether somebody reads for every stage that has a part in it."""
    with contextlib.closing(bootstrap.open_bus(parts.settings)) as bus:
        admin = bus.admin()
        return all(admin.progress(lane.topic, lane.group).members for lane in LANES)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def run_in_flight(parts: Stand) -> Iterator[None]:
    """Runs over all users, one after the other, for as long as the block."""
    stop, ended = threading.Event(), []

    def keep_running() -> None:
        with bootstrap.open_parts(parts.settings) as ours:
            day = bootstrap.today(parts.settings)
            while not stop.is_set():
                name, now = f"bench-{len(ended)}", bootstrap.now()
                size = parts.settings.range_size
                schedule.start_run(ours.engine, name, day, ours.rules, size, now, full=True)
                schedule.fan_out(ours.engine, ours.producer, now)
                while not stop.wait(0.1) and is_running(parts, name):
                    pass
                ended.append(name)

    thread = threading.Thread(target=keep_running)
    thread.start()
    try:
        wait_until(lambda: is_running(parts, "bench-0"), 120, "the run did not come under way")
        yield
    finally:
        stop.set()
        thread.join()
    print(f"runs over all users meanwhile: {len(ended)}", file=sys.stderr)


def is_running(parts: Stand, run: str) -> bool:
    query = "SELECT count(*) FROM runs WHERE run = %s AND state = 'running'"
    with psycopg.connect(parts.settings.database) as connection:
        [[running]] = connection.execute(query, [run]).fetchall()
    return bool(running)


def report(quiet: Times, busy: Times, arguments: argparse.Namespace) -> None:
    values = {
        "p50": quiet.percentile(50),
        "p90": quiet.percentile(90),
        "p99": quiet.percentile(99),
        "p50_in_a_run": busy.percentile(50),
        "p99_in_a_run": busy.percentile(99),
    }
    title = f"event to banner, {arguments.rate} events/s, {arguments.profiles:,} profiles"
    table = Table("figure", "value", "goal", title=title)
    for name, value in values.items():
        goal = f"<= {GOALS[name]} ms" if name in GOALS else ""
        table.add_row(name.replace("_", " "), f"{value:,.1f} ms", goal)
    for name, times in {"quiet": quiet, "in a run": busy}.items():
        table.add_row(f"events, {name}", f"{len(times.milliseconds):,}", "")
        table.add_row(f"whose banner was shown, {name}", f"{times.shown:,}", "")
        table.add_row(f"asked once more, {name}", f"{times.again:,}", "")
        table.add_row(f"latest start of the load, {name}", f"{times.late * 1000:,.0f} ms", "")
    Console(width=100).print(table)
    histogram(
        arguments.picture,
        {"nothing else to do": quiet.milliseconds, "a run in full flight": busy.milliseconds},
        title=title,
        unit="ms",
        lines={name.replace("_", " "): value for name, value in values.items() if "p9" in name},
    )
    print(f"picture: {arguments.picture}")
    figures = [
        {
            "name": name,
            "value": round(value, 1),
            "unit": "ms",
            **(
                {"goal": f"value <= {GOALS[name]}", "met": value <= GOALS[name]}
                if name in GOALS
                else {}
            ),
        }
        for name, value in values.items()
    ]
    print(json.dumps({"bench": "fresh", "figures": figures}))


if __name__ == "__main__":
    main()
