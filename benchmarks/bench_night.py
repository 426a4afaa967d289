"""How fast a night is: `make bench-night`, `ARGS="--sizes 100000"`.

For each of `--sizes`, a table of as many profiles. First a sweep of an empty state, where all is a
change; then the next day a full sweep with all shipped rules through Kafka, evaluation, comparison
and publishing, which is the figure. Then the table grows to the next size, and so on.

The anchor is a plain COPY, by one client, of the columns that the sweep reads, at the first size.
The server may share it among its processes, as it does by default; beside it stands what one of
them does alone.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from citizens import TODAY, fill_profiles
from nights import Night, Portal, portal
from pictures import line
from psycopg import sql
from rich.console import Console
from rich.table import Table
from stand import ROOT, Stand, stand

from quadrupel import bootstrap
from quadrupel.rules.columnar import columns
from quadrupel.stages.pages import column_read
from quadrupel.store.profile_columns import selected

GOAL, ANCHOR_RATIO = 150_000, 0.35
FIRST_GOAL = 30_000
MEMORY_GROWTH = 1.10


@dataclass(frozen=True)
class Sweep:
    """The nights at one size of the table."""

    profiles: int
    first: Night
    next_day: Night


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000000,2000000,5000000")
    parser.add_argument("--picture", type=Path, default=ROOT / "build" / "night.png")
    arguments = parser.parse_args()
    sizes = sorted(int(size) for size in arguments.sizes.split(","))
    with stand() as parts:
        fill_profiles(parts, sizes[0])
        anchor, alone = plain_copy(parts, sizes[0]), plain_copy(parts, sizes[0], helpers=False)
        with portal(parts) as running:
            sweeps = [sweep(parts, running, size, place) for place, size in enumerate(sizes)]
    rates = {each.profiles: each.next_day.rate for each in sweeps}
    line(arguments.picture, rates, title="Full sweep", x="profiles", y="users/s", goal=GOAL)
    report(sweeps, anchor, alone, arguments.picture)


def sweep(parts: Stand, running: Portal, size: int, place: int) -> Sweep:
    """A sweep of what is new, and one of the day after."""
    if place:
        fill_profiles(parts, size, more=True)
    day = TODAY + timedelta(days=1 + 2 * place)
    first = running.run(day, "--full")
    with psycopg.connect(parts.settings.database, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) published")
        connection.execute("VACUUM (ANALYZE) matches")
        connection.execute("CHECKPOINT")
    return Sweep(size, first, running.run(day + timedelta(days=1), "--full"))


def plain_copy(parts: Stand, size: int, *, helpers: bool = True) -> float:
    """Users a second whose columns one client copies out, as the sweep reads them.

    By one process of the server alone, or with as many `helpers` as it takes by default.
    """
    rules = bootstrap.load_rules(parts.settings)
    needed = columns(rule.predicate.tree for rule in rules.rules.values())
    query = sql.SQL("COPY (SELECT user_id, version{} FROM profiles) TO STDOUT (FORMAT csv)").format(
        selected([column_read(column) for column in needed])
    )
    with psycopg.connect(parts.settings.database) as connection, connection.cursor() as cursor:
        if not helpers:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        started = time.perf_counter()
        with cursor.copy(query) as copy:
            for _ in copy:
                pass
        return size / (time.perf_counter() - started)


def report(sweeps: Sequence[Sweep], anchor: float, alone: float, picture: Path) -> None:
    processes = ("evaluate", "publish", "schedule")
    table = Table("profiles", "first sweep", "full sweep", "changed", *processes)
    for each in sweeps:
        night = each.next_day
        megabytes = [f"{night.memory[name] / 1e6:,.0f} MB" for name in processes]
        table.add_row(
            f"{each.profiles:,}",
            f"{each.first.changed / each.first.seconds:,.0f}/s",
            f"{night.rate:,.0f}/s",
            f"{night.changed / night.users:.1%}",
            *megabytes,
        )
    console = Console(width=100)
    console.print(table)
    base, last = sweeps[0], sweeps[-1]
    console.print(
        f"plain COPY of the same columns: {anchor:,.0f} users/s; by one process: {alone:,.0f}"
    )
    for what, each in (("first", base.first), ("full", base.next_day)):
        cpu = [f"{name} {seconds / each.users * 1e6:.1f}" for name, seconds in each.cpu.items()]
        console.print(f"CPU us per user, {what} sweep:", ", ".join(cpu))
    console.print(f"picture: {picture}", soft_wrap=True)
    growth = max(
        last.next_day.memory[name] / base.next_day.memory[name] for name in base.next_day.memory
    )
    rate, first = base.next_day.rate, base.first.changed / base.first.seconds
    figures: list[dict[str, object]] = [
        {
            "name": "sweep",
            "value": round(rate),
            "unit": "users/s",
            "anchor": "plain COPY of the same columns",
            "anchor_value": round(anchor),
            "ratio": round(rate / anchor, 3),
            "goal": f"value >= {GOAL}, ratio >= {ANCHOR_RATIO}",
            "met": rate >= GOAL and rate >= ANCHOR_RATIO * anchor,
        },
        {
            "name": "first_sweep",
            "value": round(first),
            "unit": "users/s",
            "goal": f"value >= {FIRST_GOAL}",
            "met": first >= FIRST_GOAL,
        },
        {
            "name": "memory_growth",
            "value": round(growth, 3),
            "unit": f"peak at {last.profiles} / at {base.profiles}",
            "goal": f"value <= {MEMORY_GROWTH}",
            "met": growth <= MEMORY_GROWTH,
        },
    ]
    print(json.dumps({"bench": "night", "figures": figures}))


if __name__ == "__main__":
    main()
