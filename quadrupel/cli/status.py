"""`quadrupel status`: how every stage is doing, in one table."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.bus.topics import Lane
from quadrupel.cli.output import Json, console, print_json, unlimited
from quadrupel.cli.status_report import Flow, Report, Reporter, Unknown
from quadrupel.config import read_settings
from quadrupel.store.database import Limits
from quadrupel.store.halts import Halt
from quadrupel.store.replica import Lag

SAMPLE_SECONDS = 2.0
ANSWER_SECONDS = 5
"""How long a part that does not answer is waited for."""

Watch = Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")]


def status(watch: Watch = False, as_json: Json = False) -> None:
    """Show how every stage is doing: what waits, what comes and goes, what is halted.

    Examples:
      quadrupel status
      quadrupel status --watch
      quadrupel status --json

    Takes two seconds, to see what moves. What does not answer is shown as such.
    """
    if watch and as_json:
        raise typer.BadParameter("--watch is for people; --json shows one moment")
    with _open_reporter() as reporter:
        reporter.look()
        if watch:
            _keep_showing(reporter)
            return
        time.sleep(SAMPLE_SECONDS)
        report = reporter.report()
    if as_json:
        print_json(_fields(report))
    else:
        unlimited().print(_page(report))


@contextlib.contextmanager
def _open_reporter() -> Iterator[Reporter]:
    settings = read_settings()
    with (
        bootstrap.open_engine(settings, Limits(statement=ANSWER_SECONDS)) as engine,
        bootstrap.open_replica(settings, Limits(statement=ANSWER_SECONDS)) as replica,
        contextlib.closing(bootstrap.open_bus(settings, timeout=ANSWER_SECONDS)) as bus,
    ):
        yield Reporter(bus.admin(), engine, replica=replica)


def _keep_showing(reporter: Reporter) -> None:
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            time.sleep(SAMPLE_SECONDS)
            live.update(_page(reporter.report()), refresh=True)


def _page(report: Report) -> Group:
    table = Table("stage", "topic")
    for title in ("lag", "in/s", "out/s", "caught up in", "workers"):
        table.add_column(title, justify="right")
    table.add_column("state")
    for lane, flow in report.flows.items():
        topic = lane.topic.removeprefix("quadrupel.")
        table.add_row(lane.stage, topic, *_numbers(flow), _state(report, lane, flow))
    halts = {} if isinstance(report.halts, Unknown) else report.halts
    lines = [
        *(f"{escape(stage)}: {escape(_halted(halt))}" for stage, halt in halts.items()),
        f"dead letters: {_undecided(report)}",
        f"latest run: {_run(report)}",
        f"held rules: {_held(report)}",
        *([] if report.replica is None else [f"replica: {_replica(report.replica)}"]),
    ]
    unknown = [flow for flow in report.flows.values() if isinstance(flow, Unknown)]
    if isinstance(report.halts, Unknown):
        unknown.append(report.halts)
    return Group(table, *lines, *(escape(each.reason) for each in dict.fromkeys(unknown)))


def _numbers(flow: Flow | Unknown) -> list[str]:
    if isinstance(flow, Unknown):
        return ["?"] * 5
    return [
        f"{flow.lag:,}",
        f"{flow.arriving:,.0f}",
        f"{flow.leaving:,.0f}",
        _duration(flow.catch_up),
        f"{flow.workers}",
    ]


def _state(report: Report, lane: Lane, flow: Flow | Unknown) -> str:
    if not isinstance(report.halts, Unknown) and lane.stage in report.halts:
        return "resumed" if report.halts[lane.stage].resumed_at else "[red]HALTED[/]"
    if isinstance(flow, Unknown):
        return "not known"
    if not flow.workers:
        return "no worker"
    if not flow.lag:
        return "up to date"
    return "works" if flow.leaving else "does not move"


def _halted(halt: Halt) -> str:
    since = halt.since.isoformat(timespec="seconds")
    if halt.resumed_at is not None:
        return f"resumed after a halt at {since}: {halt.reason}"
    resume = f"quadrupel dead-letters resume {halt.stage}"
    return f"HALTED since {since}: {halt.reason}; `{resume}` lets it go on"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:,.0f} min"


def _undecided(report: Report) -> str:
    if isinstance(report.undecided, Unknown):
        return "not known"
    if report.undecided is None:
        return "too many to count here; `quadrupel dead-letters list` does"
    return f"{report.undecided:,} wait for a decision"


def _run(report: Report) -> str:
    run = report.run
    if isinstance(run, Unknown):
        return "not known"
    if run is None:
        return "there was none yet"
    return f"{escape(run.run)} is {run.state}, {run.evaluated:,} of {run.users:,} users evaluated"


def _held(report: Report) -> str:
    if isinstance(report.held, Unknown):
        return "not known"
    if not report.held:
        return "none"
    rules = escape(", ".join(each.rule for each in report.held))
    return f"[red]{rules}[/]; `quadrupel rules held` says why"


def _replica(known: Lag | Unknown) -> str:
    if isinstance(known, Unknown):
        return escape(known.reason)
    seconds = "some time" if known.seconds is None else f"{known.seconds:,.1f} s"
    return f"{seconds} and {known.bytes:,} bytes behind"


def _fields(report: Report) -> dict[str, Any]:
    """The report for programs; what is not known is null, and `unknown` says why."""
    parts = {
        "halts": report.halts,
        "undecided_dead_letters": report.undecided,
        "latest_run": report.run,
        "held_rules": report.held,
        "replica": report.replica,
    }
    run = report.run
    return {
        "stages": [_lane_fields(report, lane, flow) for lane, flow in report.flows.items()],
        "undecided_dead_letters": report.undecided if isinstance(report.undecided, int) else None,
        "latest_run": None if run is None or isinstance(run, Unknown) else asdict(run),
        "held_rules": None
        if isinstance(report.held, Unknown)
        else [each.rule for each in report.held],
        **_replica_fields(report.replica),
        "unknown": {name: part.reason for name, part in parts.items() if isinstance(part, Unknown)},
    }


def _replica_fields(known: Lag | Unknown | None) -> dict[str, Any]:
    """The lag of the replica, null where it is not known; nothing where none is configured."""
    if known is None:
        return {}
    if isinstance(known, Unknown):
        return {"replica": None}
    return {"replica": {"lag_seconds": known.seconds, "lag_bytes": known.bytes}}


def _lane_fields(report: Report, lane: Lane, flow: Flow | Unknown) -> dict[str, Any]:
    known = None if isinstance(flow, Unknown) else flow
    halt = None if isinstance(report.halts, Unknown) else report.halts.get(lane.stage)
    return {
        "stage": lane.stage,
        "topic": lane.topic,
        "lag": known and known.lag,
        "in_per_second": known and round(known.arriving, 1),
        "out_per_second": known and round(known.leaving, 1),
        "catch_up_seconds": known and known.catch_up and round(known.catch_up, 1),
        "workers": known and known.workers,
        "halt": halt and asdict(halt),
        "unknown": flow.reason if isinstance(flow, Unknown) else None,
    }
