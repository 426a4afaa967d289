"""`quadrupel run`: pass over all users for what time changes."""

import contextlib
import time
from datetime import date, timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.bus import topics
from quadrupel.cli import run_proof
from quadrupel.cli.arguments import day_option
from quadrupel.cli.output import Json, console, errors, print_json
from quadrupel.config import Settings, read_settings
from quadrupel.core.errors import Conflict, NotFound
from quadrupel.stages import schedule
from quadrupel.store import runs
from quadrupel.store.database import transaction
from quadrupel.store.runs import RunProgress

app = typer.Typer(help="Evaluate users for what time changes.")
app.command()(run_proof.verify)


@app.command()
def start(
    as_of: Annotated[date | None, day_option("--as-of", "The day to evaluate; else today.")] = None,
    future: Annotated[
        bool, typer.Option("--future", help="Allow a day after tomorrow (see below).")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Evaluate everybody, not only the users due.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, by rule, and write nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until everything is published.")] = False,
    as_json: Json = False,
) -> None:
    """Start a run over the users of whom something can have changed.

    These are the users due on the day: by what time changes, or because an event came since the
    last night. Where rules were added, changed or removed since the last run over all users, it
    evaluates everybody; so it does with --full.

    Examples:
      quadrupel run start
      quadrupel run start --as-of 2026-12-01 --dry-run
      quadrupel run start --full --wait

    What is published of a user never goes back to an earlier day: after a run for a future day,
    events of its users are evaluated for that day, until it has come. So a day after tomorrow
    needs --future.
    """
    settings = read_settings()
    day = as_of or bootstrap.today(settings)
    if dry_run:
        run_proof.dry_run(day, full=full, as_json=as_json)
        return
    if not future and day > bootstrap.today(settings) + timedelta(days=1):
        raise Conflict(f"{day} is after tomorrow: its verdicts would show at once; use --future")
    now = bootstrap.now()
    name = f"manual-{day}-{now:%Y%m%dT%H%M%S%f}"
    with bootstrap.open_parts(settings) as parts:
        schedule.start_run(
            parts.engine, name, day, parts.rules, settings.range_size, now, full=full
        )
        schedule.fan_out(parts.engine, parts.producer, now)
    if wait:
        wait_for(settings, name)
    _show([_progress(settings, name)], as_json=as_json)


@app.command()
def status(
    run: Annotated[str | None, typer.Argument(help="The run; else the latest.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until everything is published.")] = False,
    as_json: Json = False,
) -> None:
    """Show how far a run is.

    Examples:
      quadrupel run status
      quadrupel run status nightly-2026-11-23 --json
    """
    settings = read_settings()
    name = run or _latest(settings)
    if wait:
        wait_for(settings, name)
    _show([_progress(settings, name)], as_json=as_json)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """List the latest runs, newest first."""
    settings = read_settings()
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        found = runs.latest(connection, limit)
    _show(found, as_json=as_json)


@app.command()
def cancel(run: Annotated[str, typer.Argument(help="The run to stop.")]) -> None:
    """Stop a run: ranges not yet begun are skipped, what is published stays.

    Example:
      quadrupel run cancel nightly-2026-11-23
    """
    settings = read_settings()
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        runs.cancel(connection, run, bootstrap.now())
    console.print(f"run {run} is cancelled")


def wait_for(settings: Settings, run: str) -> None:
    """Show progress until the run has ended and its verdicts are published."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
    )
    with (
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        Progress(
            *columns,
            TimeRemainingColumn(),
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        ) as bar,
    ):
        task = bar.add_task(f"run {run}", total=None)
        while True:
            progress = _progress(settings, run)
            bar.update(task, total=progress.users or 1, completed=progress.evaluated)
            if progress.state != "running":
                break
            time.sleep(0.2)
        bar.update(task, description="publishing", completed=progress.evaluated)
        while bus.admin().progress(topics.VERDICTS, topics.PUBLISH_GROUP).lag:
            time.sleep(0.2)


def _progress(settings: Settings, run: str) -> RunProgress:
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        return runs.progress(connection, run)


def _latest(settings: Settings) -> str:
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        found = runs.latest(connection, 1)
    if not found:
        raise NotFound("there was no run yet; `quadrupel run start` starts one")
    return found[0].run


def _show(found: list[RunProgress], *, as_json: bool) -> None:
    """Print runs: one with everything that is known of it, several as a table."""
    if as_json:
        print_json([_fields(progress) for progress in found])
    elif len(found) == 1:
        for name, value in _in_words(found[0]).items():
            console.print(f"{name:<11}{value}", markup=False)
    else:
        table = Table("run", "state", "users", "matches", "took")
        table.columns[0].no_wrap = True
        for each in found:
            words = _in_words(each)
            table.add_row(each.run, each.state, words["evaluated"], words["matches"], words["took"])
        console.print(table)


def _in_words(run: RunProgress) -> dict[str, str]:
    took = str(run.finished_at - run.created_at).split(".")[0] if run.finished_at else ""
    return {
        "run": run.run,
        "day": str(run.as_of),
        "state": run.state,
        "ranges": f"{run.ranges_done} of {run.ranges}",
        "evaluated": f"{run.evaluated:,} of {run.users:,} users",
        "matches": f"{run.matched:,}",
        "errors": f"{run.errors:,}",
        "rules": run.rule_set,
        "started": run.created_at.isoformat(timespec="seconds"),
        "took": took,
    }


def _fields(progress: RunProgress) -> dict[str, object]:
    return {name: getattr(progress, name) for name in RunProgress.__slots__}
