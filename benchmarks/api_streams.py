"""How streams of banners do, measured by `bench_api` on one process of the API.

What is measured:

- the memory of 1,000 streams, from the difference between 1,000 and `--streams` that are open;
- what memory grows by, and how busy a core is, while they are idle and get their signs of life;
- the time from before publish is handed verdicts that change a banner set, to when the event is
  read from the stream: `--changes` a second, in batches, with all those streams open.
"""

import contextlib
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import jwt
import psutil
from citizens import TODAY
from stand import ROOT, Stand

from quadrupel import bootstrap
from quadrupel.bus import codec
from quadrupel.core.ports import Message
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.rules.offered import offers
from quadrupel.stages.publish import Publish

P99_GOAL = 100
FEW = 1_000
IDLE_SECONDS = 30.0
BATCH_SECONDS = 0.05


@dataclass(frozen=True)
class Streamed:
    """What was measured: bytes of 1,000 streams and of what idle ones grew by, shares of a core,
    and the milliseconds from publish to stream."""

    streams: int
    per_thousand: float
    growth: float
    busy: float
    milliseconds: list[float]
    lost: int

    def percentile(self, which: int) -> float:
        return quantiles(self.milliseconds, n=100, method="inclusive")[which - 1]

    def rows(self) -> Iterator[tuple[str, str, str]]:
        yield "memory of 1,000 streams", f"{self.per_thousand / 1e6:.1f} MB", ""
        growth = f"{self.growth / 1e6:+.1f} MB, {self.busy:.1%} of a core"
        yield f"{self.streams:,} idle streams, in {IDLE_SECONDS:.0f} s", growth, ""
        for which in (50, 99):
            goal = f"{P99_GOAL} ms" if which == 99 else ""
            yield f"p{which} from publish to stream", f"{self.percentile(which):.1f} ms", goal
        yield "changes streamed, and lost", f"{len(self.milliseconds):,}, {self.lost}", "0 lost"

    def figures(self) -> list[dict[str, object]]:
        p99 = self.percentile(99)
        return [
            {
                "name": "memory_per_1000_streams",
                "value": round(self.per_thousand / 1e6, 1),
                "unit": "MB",
            },
            {"name": "idle_growth", "value": round(self.growth / 1e6, 1), "unit": "MB"},
            {
                "name": "publish_to_stream_p99",
                "value": round(p99, 1),
                "unit": "ms",
                "goal": f"value <= {P99_GOAL} and none lost",
                "met": p99 <= P99_GOAL and not self.lost,
            },
        ]


@dataclass(frozen=True)
class World:
    """The API whose streams are measured, and what opens them."""

    parts: Stand
    port: int
    server: int
    tokens: Path

    def measure(self, streams: int, changes: float, seconds: float) -> Streamed:
        allow_open_files(streams + 512)
        worker = psutil.Process(self.server).children(recursive=True)
        with self._reading(0, FEW):
            few = memory(worker)
            with self._reading(FEW, streams - FEW) as rest:
                many = memory(worker)
                began, busy = time.monotonic(), cpu(worker)
                time.sleep(IDLE_SECONDS)
                busy = (cpu(worker) - busy) / (time.monotonic() - began)
                growth = memory(worker) - many
                told = self._publish(FEW, streams - FEW, changes, seconds)
                seen = rest()
        took = [1000 * (at - told[place, version]) for place, version, at in seen["seen"]]
        lost = len(told) - len(took)
        per_thousand = (many - few) / (streams - FEW) * 1000
        return Streamed(streams, per_thousand, growth, busy, took, lost)

    @contextlib.contextmanager
    def _reading(self, first: int, streams: int) -> Iterator[Any]:
        """So many streams; gives what ends their readers, and tells what these have seen."""
        command = [sys.executable, str(ROOT / "benchmarks" / "stream_load.py")]
        command += ["--port", str(self.port), "--tokens", str(self.tokens)]
        command += ["--first", str(first), "--streams", str(streams)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as readers:
            assert readers.stdout is not None
            if readers.stdout.readline() != "open\n":
                raise RuntimeError("the streams were not opened")
            try:
                yield lambda: json.loads(readers.communicate()[0])
            finally:
                readers.communicate()

    def _publish(
        self, first: int, streams: int, changes: float, seconds: float
    ) -> dict[tuple[int, int], float]:
        """Publish changes of random users; when each was handed over, by place and version."""
        tokens = self.tokens.read_text().split()[first : first + streams]
        claims = [jwt.decode(each, options={"verify_signature": False}) for each in tokens]
        rules, chance = bootstrap.load_rules(self.parts.settings), random.Random(5)
        rule = next(each.id for each in rules.rules.values() if each.banner and not each.shown)
        told: dict[tuple[int, int], float] = {}
        versions = [1] * len(tokens)
        with bootstrap.open_engine(self.parts.settings) as engine:
            publish = Publish(engine, lambda _: offers(rules))
            end = time.monotonic() + seconds
            while (now := time.monotonic()) < end:
                batch = chance.sample(range(len(tokens)), round(changes * BATCH_SECONDS))
                messages = []
                for place in batch:
                    versions[place] += 1
                    messages.append(verdicts(claims[place]["sub"], versions[place], rule))
                    told[first + place, versions[place]] = now
                publish.process(messages)
                time.sleep(max(0.0, now + BATCH_SECONDS - time.monotonic()))
        time.sleep(1.0)
        return told


def verdicts(user: str, version: int, rule: str) -> Message:
    """What makes publish save another set than before, of that version."""
    now = datetime.now(UTC)
    match = RuleMatch(rule, values={"version": str(version)})
    evaluation = Evaluation(user, version, TODAY, now, "bench", (match,))
    return Message("", 0, 0, user.encode(), codec.verdicts(evaluation).value, now)


def memory(processes: list[psutil.Process]) -> int:
    return sum(each.memory_full_info().uss for each in processes)


def cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
