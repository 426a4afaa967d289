"""What is shown of runs: as JSON for programs; as words, lines and tables for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from quadrupel.core.run_plans import RunKind
from quadrupel.core.runs import LEASE, RuleCounts
from quadrupel.store.run_ranges import RangeLine
from quadrupel.store.runs import Movement, RunProgress

OVER: Mapping[RunKind, str] = {
    RunKind.DUE: "the users due",
    RunKind.RULES: "everybody, since rules changed",
    RunKind.FULL: "everybody",
}
"""Whom a run evaluates, in words."""

MOST_RULES = 8
"""How many rules are shown where all would be too many."""


@dataclass(frozen=True, slots=True)
class Details:
    """What takes longer to find out about a run: of its rules, and of the matches of its day."""

    at: datetime
    rules: Mapping[str, RuleCounts]
    movements: Mapping[str, Movement]


@dataclass(frozen=True, slots=True)
class Sight:
    """A run at one moment. `working` are the ranges that workers hold; details may come later."""

    now: datetime
    run: RunProgress
    working: Sequence[RangeLine] = field(default_factory=list)
    details: Details | None = None


def fields(run: RunProgress, now: datetime) -> dict[str, object]:
    """A run as JSON."""
    shown = {name: getattr(run, name) for name in (*RunProgress.__slots__, "skipped")}
    return shown | {"expected_end": run.expected_end(now), "in_time": run.in_time(now)}


def sight_fields(sight: Sight) -> dict[str, object]:
    """A run at one moment as JSON; `details` is null until they are known."""
    return fields(sight.run, sight.now) | {
        "working": [asdict(each) for each in sight.working],
        "details": sight.details and detail_fields(sight.details),
    }


def detail_fields(details: Details) -> dict[str, object]:
    """The details of a run as JSON, with numbers by rule."""
    return {
        "at": details.at,
        "rules": {rule: asdict(counts) for rule, counts in details.rules.items()},
        "matches": {rule: asdict(moved) for rule, moved in details.movements.items()},
    }


def words(run: RunProgress, now: datetime) -> dict[str, str]:
    """Everything that is known of a run, by name, in words."""
    took = duration(run.finished_at - run.created_at) if run.finished_at else ""
    return {
        "run": run.run,
        "day": str(run.as_of),
        "over": OVER[RunKind(run.kind)] + (f", of the zone {run.zone}" if run.zone else ""),
        "state": run.state,
        "ranges": f"{run.ranges_done} of {run.ranges}",
        "evaluated": f"{run.evaluated:,} of {run.users:,} users",
        "skipped": f"{run.skipped:,}",
        "speed": f"{run.users_per_second:,.0f} users/s",
        "limit": "none" if run.rate is None else f"{run.rate:,} users/s",
        "ends": _end(run, now),
        "by": "" if run.deadline is None else f"{_clock(run.deadline)}: {_in_time(run, now)}",
        "matches": f"{run.matched:,}",
        "errors": f"{run.errors:,}",
        "digest": run.digest,
        "rules": run.rule_set + _other_rules(run),
        "started": run.created_at.isoformat(timespec="seconds"),
        "took": took,
    }


def line(run: RunProgress, now: datetime) -> str:
    """A run in one line, for where no table can be shown."""
    done = run.evaluated + run.skipped
    parts = [
        f"{run.run} is {run.state}",
        f"{done:,} of {run.users:,} users",
        f"{run.users_per_second:,.0f} users/s",
        f"{run.errors:,} errors",
    ]
    if run.state == "running":
        parts.append(f"ends {_end(run, now)}")
        if run.deadline is not None:
            parts.append(f"by {_clock(run.deadline)}: {_in_time(run, now)}")
    return ", ".join(parts)


def page(sight: Sight) -> RenderableType:
    """A run as it goes on, to be shown again and again."""
    run = sight.run
    parts: list[RenderableType] = [
        escape(line(run, sight.now)),
        ProgressBar(total=max(1, run.users), completed=run.evaluated + run.skipped, width=60),
    ]
    if run.other_rules:
        parts.append(f"[yellow]{escape(_other_rules(run).strip())}[/]")
    if sight.working:
        parts.append(_working(sight))
    if sight.details is not None:
        parts.extend(rule_tables(sight.details, MOST_RULES))
    return Group(*parts)


def rule_tables(details: Details, most: int | None = None) -> list[RenderableType]:
    """Matches opened and closed, errors, and time by rule: of each kind the `most` first."""
    moved = sorted(details.movements.items(), key=lambda each: -each[1].opened - each[1].closed)
    erring = sorted(details.rules.items(), key=lambda each: -each[1].errors)
    slow = sorted(details.rules.items(), key=lambda each: -each[1].seconds)
    tables: list[RenderableType] = []
    if shown := [(rule, f"{each.opened:,}", f"{each.closed:,}") for rule, each in moved[:most]]:
        tables.append(_by_rule(("matches of the day, by rule", "opened", "closed"), shown))
    if erred := [(rule, f"{each.errors:,}") for rule, each in erring[:most] if each.errors]:
        tables.append(_by_rule(("errors by rule", "users"), erred))
    total = sum(each.seconds for each in details.rules.values())
    if timed := [
        (rule, f"{each.seconds:,.2f} s", f"{each.seconds / total:.0%}")
        for rule, each in slow[:most]
        if each.seconds
    ]:
        tables.append(_by_rule(("slowest rules, from a sample", "took about", "of all"), timed))
    return tables


def runs_table(found: Sequence[RunProgress], now: datetime) -> Table:
    """Several runs, a line for each."""
    table = Table("run", "state", "users", "matches", "took")
    for each in found:
        said = words(each, now)
        table.add_row(each.run, each.state, said["evaluated"], said["matches"], said["took"])
    return table


def ranges_table(found: Sequence[RangeLine], rule_set: str) -> Table:
    """The ranges of a run in the order of user ids."""
    table = Table("range", "from", "to", "state", "users", "evaluated", "tries", "worker", "rules")
    for each in found:
        table.add_row(
            str(each.number),
            escape(each.first_user) or "the first",
            escape(each.end_user or "the last"),
            each.state,
            f"{each.users:,}",
            "" if each.evaluated is None else f"{each.evaluated:,}",
            str(each.attempts),
            escape(each.worker or ""),
            "other rules" if each.rule_set not in {None, rule_set} else "",
        )
    return table


def duration(span: timedelta) -> str:
    """A span of time as h:mm:ss."""
    return str(span).split(".")[0]


def _working(sight: Sight) -> Table:
    table = Table("worker", "range", "users", "for", "heard of", "try")
    for each in sight.working:
        started, heard = each.started_at or sight.now, each.heartbeat_at or sight.now
        silent = sight.now - heard
        ago = f"{max(0.0, silent.total_seconds()):.0f} s ago"
        table.add_row(
            escape(each.worker or ""),
            str(each.number),
            f"{each.evaluated or 0:,} of {each.users:,}",
            duration(max(timedelta(0), sight.now - started)),
            f"[red]{ago}[/]" if silent > LEASE else ago,
            str(each.attempts),
        )
    return table


def _by_rule(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(titles[0])
    for title in titles[1:]:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _end(run: RunProgress, now: datetime) -> str:
    end = run.expected_end(now)
    if end is None:
        return "when it is resumed" if run.state == "paused" else "not known"
    return _clock(end)


def _in_time(run: RunProgress, now: datetime) -> str:
    if run.state == "running" and run.expected_end(now) is None:
        return "not known"
    return "in time" if run.in_time(now) else "LATE"


def _clock(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")


def _other_rules(run: RunProgress) -> str:
    return f" ({run.other_rules} ranges by other rules)" if run.other_rules else ""
