"""How fast banners are read: `make bench-api`, `ARGS="--users 50000 --tokens 5000 --seconds 3"`.

`--users` citizens have published banner sets, with the texts of the shipped rules and values of
their own; `--tokens` of them have tokens, each another one, signed by `--algorithm`. `quadrupel
api` runs with `--workers` workers on a real Postgres, and the load generator (`api_load.py`) on the
same cores. A citizen's visit is `--reads-per-visit` reads among those of `--there` others, in any
order and over any connection; there are `--connections`, so many that a worker has others to answer
while some wait for their query. What is measured:

- reads/s in a closed loop, all answered 200 with texts;
- the times of answers in an open loop, at 80 % of that rate: from when a request was due;
- reads/s when each read is a citizen's first, so that every token must be verified;
- the same when browsers ask with If-None-Match what they have, so that most answers are 304;
- streams, on one worker: `api_streams.py`.

The first two come in `TURNS`, each open loop at 80 % of the closed one just before it: a machine
that slows down for half a minute would be measured by the load of another.

The anchor (`plain_api.py`) answers the first load in the same run, on the same server with as many
workers and the same database: one FastAPI handler, one query for each read, each token verified.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, quantiles
from typing import TypeAlias

import api_streams
import httpx
import jwt
import psycopg
from citizens import TODAY, user_id
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from rich.console import Console
from rich.table import Table
from stand import ROOT, CpuClock, Stand, stand, wait_until

from quadrupel import bootstrap
from quadrupel.core.attributes import Type
from quadrupel.portal import AUDIENCE, ISSUER, free_port
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.rule import Rule
from quadrupel.store import bulk

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

GOAL, ANCHOR_RATIO, P99_GOAL = 15_000, 3, 25
WARM_UP_SECONDS = 2.0
TURNS = 3
LOAD_SHARE = 0.8
BANNERS = (0, 1, 1, 2, 2, 3, 4)
"""How many banners a citizen is shown, each number as likely as it is often here."""

COPY = (
    "COPY published (user_id, version, profile_version, as_of, evaluated_at, rule_set, banners,"
    " updated_at) FROM STDIN " + bulk.CSV
)


@dataclass(frozen=True)
class Answers:
    """What one load was answered: how fast, when, and the CPU seconds of 1,000 reads by process."""

    rate: float
    milliseconds: list[float]
    statuses: dict[str, int]
    cpu: dict[str, float]

    def percentile(self, which: int) -> float:
        return quantiles(self.milliseconds, n=100, method="inclusive")[which - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--algorithm", choices=["RS256", "ES256"], default="RS256")
    parser.add_argument("--reads-per-visit", type=int, default=10)
    parser.add_argument("--there", type=int, default=1_000, help="citizens at one time")
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--streams", type=int, default=5_000)
    parser.add_argument("--changes", type=float, default=100.0, help="of sets streamed, a second")
    arguments = parser.parse_args()
    if arguments.streams - api_streams.FEW < arguments.changes:
        parser.error(f"--streams: {api_streams.FEW:,} and as many as --changes, at least")
    with tempfile.TemporaryDirectory() as folder, stand(kafka=False) as parts:
        fill(parts, arguments.users)
        bench = Bench(parts, Path(folder), arguments)
        with bench.ours():
            reads, steady = bench.turns()
            first = bench.load("--reads-per-visit", "1")
            again = bench.load("--revalidate")
        with bench.anchor():
            anchor = bench.load()
        with bench.ours(workers=1):
            streamed = bench.streams()
    report(arguments, reads, first, again, steady, anchor, streamed)


def fill(parts: Stand, users: int) -> None:
    """A banner set of each citizen."""
    rules, chance = bootstrap.load_rules(parts.settings), random.Random(11)
    now = datetime.now(UTC).isoformat()
    shown = [rule for rule in rules.rules.values() if rule.banner is not None]
    with psycopg.connect(parts.settings.database, autocommit=True) as connection:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for first in range(0, users, 10_000):
                numbers = range(first, min(first + 10_000, users))
                sets = ((user_id(number), banners(rules, shown, chance)) for number in numbers)
                rows = (
                    [user, 1, 1, TODAY.isoformat(), now, "bench", banner_set, now]
                    for user, banner_set in sets
                )
                copy.write(bulk.csv(rows) + b"\n")
        connection.execute("VACUUM (ANALYZE, FREEZE) published")
        connection.execute("CHECKPOINT")


def banners(rules: RuleSet, shown: Sequence[Rule], chance: random.Random) -> str:
    """A banner set as it is stored, of some of the rules `shown` with values of their types."""
    chosen = chance.sample(shown, chance.choice(BANNERS))
    types = rules.schema.attributes
    return json.dumps(
        [
            [
                rule.id,
                {name: value(types[name].type, chance) for name in rule.shown},
                TODAY.isoformat(),
            ]
            for rule in chosen
        ]
    )


def value(kind: Type, chance: random.Random) -> str:
    """The text form of some value, of as many as citizens have different ones."""
    day: date = TODAY + timedelta(days=chance.randrange(-30, 365))
    match kind:
        case Type.DATE:
            return day.isoformat()
        case Type.DATETIME:
            return f"{day.isoformat()}T{chance.randrange(24):02}:30:00Z"
        case Type.INTEGER:
            return str(chance.randrange(1, 10))
        case Type.DECIMAL:
            return str(chance.randrange(100, 10_000) * 50)
        case Type.BOOLEAN:
            return "true"
        case _:
            return f"office {chance.randrange(500)}"


class Bench:
    """The world of the measurement: who may call, and who answers."""

    def __init__(self, parts: Stand, folder: Path, arguments: argparse.Namespace) -> None:
        self._parts = parts
        self._arguments = arguments
        key = new_key(arguments.algorithm)
        self._public = folder / "portal.pem"
        self._public.write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        self._tokens = folder / "tokens"
        self._port = free_port(8124)
        self._next = 0
        self._servers: list[int] = []
        self._tokens.write_text("\n".join(make_tokens(key, arguments)))

    @contextlib.contextmanager
    def ours(self, workers: int | None = None) -> Iterator[None]:
        workers = workers or self._arguments.workers
        command = ["api", "--port", str(self._port), "--workers", str(workers)]
        with self._parts.running(command, **self._settings()) as self._servers:
            wait_until(self._is_ready, 60, "the API is not ready")
            yield

    @contextlib.contextmanager
    def anchor(self) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, "plain_api.py"],
            cwd=ROOT / "benchmarks",
            env=self._parts.environment(**self._settings()),
        )
        self._servers = [process.pid]
        try:
            wait_until(self._is_ready, 60, "the anchor is not ready")
            yield
        finally:
            process.terminate()
            process.wait(30)

    def turns(self) -> tuple[Answers, Answers]:
        """The closed loop and the open one, a part of the time each and in turns."""
        closed, opened = [], []
        for _ in range(TURNS):
            closed.append(self.load(seconds=self._arguments.seconds / TURNS))
            rate = str(closed[-1].rate * LOAD_SHARE)
            opened.append(self.load("--rate", rate, seconds=self._arguments.seconds / TURNS))
        return together(closed), together(opened)

    def load(self, *options: str, seconds: float | None = None) -> Answers:
        """Play a load, with tokens of which most were not used before."""
        mine, seconds = self._arguments, seconds or self._arguments.seconds
        command = [sys.executable, str(ROOT / "benchmarks" / "api_load.py")]
        command += ["--port", str(self._port), "--tokens", str(self._tokens)]
        command += ["--connections", str(mine.connections), "--seconds", str(seconds)]
        command += ["--reads-per-visit", str(mine.reads_per_visit), "--there", str(mine.there)]
        command += ["--first", str(self._next), "--warm-up", str(WARM_UP_SECONDS)]
        cpu = CpuClock({"api": self._servers, "postgres": self._parts.postgres_pids()})
        done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, check=True)
        seen, used = json.loads(done.stdout), cpu.seconds()
        self._next = seen["next"]
        if self._next > mine.tokens:
            print("tokens were used again, so some are remembered: --tokens", file=sys.stderr)
        used["load"] = seen["cpu"]
        unexpected = set(seen["statuses"]) - {"200", "304"}
        if unexpected:
            raise RuntimeError(f"the API answered {seen['statuses']}")
        reads = len(seen["milliseconds"]) * (1 + WARM_UP_SECONDS / seconds)
        each = {name: seconds / reads * 1000 for name, seconds in used.items()}
        return Answers(seen["rate"], seen["milliseconds"], seen["statuses"], each)

    def streams(self) -> api_streams.Streamed:
        mine = self._arguments
        world = api_streams.World(self._parts, self._port, self._servers[0], self._tokens)
        return world.measure(mine.streams, mine.changes, mine.seconds)

    def _settings(self) -> dict[str, str]:
        return {
            "QUADRUPEL_JWT_KEYS": str(self._public),
            "QUADRUPEL_JWT_ISSUER": ISSUER,
            "QUADRUPEL_JWT_AUDIENCE": AUDIENCE,
            "QUADRUPEL_API_PORT": str(self._port),
            "WORKERS": str(self._arguments.workers),
        }

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/readyz").is_success
        except httpx.TransportError:
            return False


def together(parts: Sequence[Answers]) -> Answers:
    """The answers to loads that were played as long as one another, as those of one."""
    statuses = Counter[str]()
    for part in parts:
        statuses.update(part.statuses)
    return Answers(
        mean(part.rate for part in parts),
        [each for part in parts for each in part.milliseconds],
        dict(statuses),
        {name: mean(part.cpu[name] for part in parts) for name in parts[0].cpu},
    )


def new_key(algorithm: str) -> PrivateKey:
    """A key of a login service: most sign with RSA of 2,048 bits."""
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def make_tokens(key: PrivateKey, arguments: argparse.Namespace) -> list[str]:
    """A token of each of so many users, who are spread over all."""
    apart = max(1, arguments.users // arguments.tokens)
    users = [user_id(number * apart) for number in range(min(arguments.tokens, arguments.users))]
    random.Random(3).shuffle(users)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    parts = [
        (pem, arguments.algorithm, users[first : first + 2_000])
        for first in range(0, len(users), 2_000)
    ]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        return [token for tokens in pool.starmap(sign, parts) for token in tokens]


def sign(pem: bytes, algorithm: str, users: list[str]) -> list[str]:
    key = serialization.load_pem_private_key(pem, None)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": datetime.now(UTC) + timedelta(hours=1)}
    return [jwt.encode(claims | {"sub": user}, key, algorithm) for user in users]  # type: ignore[arg-type]


def report(
    arguments: argparse.Namespace,
    reads: Answers,
    first: Answers,
    again: Answers,
    steady: Answers,
    anchor: Answers,
    streamed: api_streams.Streamed,
) -> None:
    ratio, p99 = reads.rate / anchor.rate, steady.percentile(99)
    unchanged = again.statuses.get("304", 0) / sum(again.statuses.values())
    title = (
        f"banner reads, {arguments.users:,} users, {arguments.workers} workers,"
        f" tokens by {arguments.algorithm}"
    )
    table = Table("figure", "value", "goal", title=title)
    table.add_row("reads", f"{reads.rate:,.0f} /s", f"{GOAL:,} /s")
    table.add_row("plain FastAPI + psycopg, the anchor", f"{anchor.rate:,.0f} /s", "")
    table.add_row("ratio", f"{ratio:.1f}", f"{ANCHOR_RATIO}")
    table.add_row("reads, each with a new token", f"{first.rate:,.0f} /s", "")
    table.add_row("due in the open loop", f"{reads.rate * LOAD_SHARE:,.0f} /s", "")
    table.add_row(f"reads with If-None-Match, {unchanged:.0%} 304", f"{again.rate:,.0f} /s", "")
    for which in (50, 90, 99):
        goal = f"{P99_GOAL} ms" if which == 99 else ""
        table.add_row(
            f"p{which} at {steady.rate:,.0f} /s", f"{steady.percentile(which):.1f} ms", goal
        )
    for name, answers in {"reads": reads, "the anchor": anchor}.items():
        for process, seconds in answers.cpu.items():
            table.add_row(f"CPU of {process}, {name}", f"{seconds * 1000:.0f} µs a read", "")
    for row in streamed.rows():
        table.add_row(*row)
    Console(width=100).print(table)
    figures: list[dict[str, object]] = [
        {
            "name": "reads",
            "value": round(reads.rate),
            "unit": "reads/s",
            "anchor": "fastapi",
            "anchor_value": round(anchor.rate),
            "ratio": round(ratio, 2),
            "goal": f"value >= {GOAL} and ratio >= {ANCHOR_RATIO}",
            "met": reads.rate >= GOAL and ratio >= ANCHOR_RATIO,
        },
        {
            "name": "p99",
            "value": round(p99, 1),
            "unit": "ms",
            "goal": f"value <= {P99_GOAL}",
            "met": p99 <= P99_GOAL,
        },
        {"name": "first_reads", "value": round(first.rate), "unit": "reads/s"},
        {"name": "unchanged", "value": round(again.rate), "unit": "reads/s"},
        *(
            {"name": f"cpu_{process}", "value": round(seconds * 1000, 1), "unit": "µs/read"}
            for process, seconds in reads.cpu.items()
        ),
        *streamed.figures(),
    ]
    print(json.dumps({"bench": "api", "figures": figures}))


if __name__ == "__main__":
    main()
