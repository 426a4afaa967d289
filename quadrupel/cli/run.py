"""`quadrupel run`: pass over all users for what time changes."""

import contextlib
import time as clock
from dataclasses import asdict
from datetime import date, time, timedelta
from typing import Annotated

import typer

from quadrupel import bootstrap, telemetry
from quadrupel.bus import topics
from quadrupel.cli import run_proof, run_report, run_watch
from quadrupel.cli.arguments import day_option, time_option
from quadrupel.cli.output import Json, console, print_json, print_table, progress_bar, unlimited
from quadrupel.config import Settings, read_settings
from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.runs import MAX_RATE, deadline
from quadrupel.stages import schedule
from quadrupel.store import run_ranges, runs
from quadrupel.store.database import transaction
from quadrupel.store.runs import RunProgress

app = typer.Typer(help="Evaluate users for what time changes.")
app.command()(run_proof.verify)

Run = Annotated[str, typer.Argument(help="The run; `quadrupel run list` shows the latest.")]
RunOrLatest = Annotated[str | None, typer.Argument(help="The run; else the latest.")]


@app.command()
def start(
    as_of: Annotated[date | None, day_option("--as-of", "The day to evaluate; else today.")] = None,
    future: Annotated[
        bool, typer.Option("--future", help="Allow a day after tomorrow, see above.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(help="Users per second, at most, of all workers.", min=1, max=MAX_RATE),
    ] = None,
    by: Annotated[
        time | None, time_option("--by", "Local time by which it should have finished.")
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Ask everybody all rules, not only whom time or a change concerns."
        ),
    ] = False,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help="As --full, and decide all banner sets anew, also where no match changed.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what would change and which rules be held; write nothing."
        ),
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until everything is published.")] = False,
    as_json: Json = False,
) -> None:
    """Start a run over the users of whom something can have changed.

    Examples:
      quadrupel run start
      quadrupel run start --as-of 2026-12-01 --dry-run
      quadrupel run start --full --wait
      quadrupel run start --anew --dry-run
      quadrupel run start --rate 500 --by 18:00

    These are the users due on the day: by what time changes, or because an event came since the
    last night. Where rules were added, changed or removed since the last run over all users, it
    asks everybody the changed ones; with --full it asks everybody all. Publish is handed whoever
    differs from what is published; with --anew everybody who is shown something or whom a rule
    matches, which takes longer and puts right the banner sets that `quadrupel run verify` finds
    wrong.

    What is published of a user never goes back to an earlier day: after a run for a future day,
    events of its users are evaluated for that day, until it has come. So a day after tomorrow
    needs --future. --rate spares a database that others use too; `quadrupel run rate` changes it.
    --by stops nothing: it is what `status` and `watch` judge the run by.
    """
    settings = read_settings()
    telemetry.configure_logs(settings.log_format, settings.log_level)
    day = as_of or bootstrap.today(settings)
    if dry_run:
        run_proof.dry_run(day, full=full, anew=anew, as_json=as_json)
        return
    if not future and day > bootstrap.today(settings) + timedelta(days=1):
        raise Conflict(f"{day} is after tomorrow: its verdicts would show at once; use --future")
    with bootstrap.open_parts(settings) as parts:
        now = bootstrap.now()
        name = schedule.manual_run(day, now)
        schedule.start_run(
            parts.engine,
            name,
            day,
            parts.rules,
            settings.range_size,
            now,
            full=full,
            anew=anew,
            rate=rate,
            deadline=deadline(now, by, settings.zone) if by else None,
        )
        schedule.fan_out(parts.engine, parts.producer, now)
    if wait:
        wait_for(settings, name)
    _show(_progress(settings, name), as_json=as_json)


@app.command()
def status(
    run: RunOrLatest = None,
    wait: Annotated[bool, typer.Option(help="Wait until everything is published.")] = False,
    as_json: Json = False,
) -> None:
    """Show how far a run is, how fast it goes, and when it ends.

    Examples:
      quadrupel run status
      quadrupel run status nightly-2026-11-23 --json
    """
    settings = read_settings()
    name = run or _latest(settings)
    if wait:
        wait_for(settings, name)
    _show(_progress(settings, name), as_json=as_json)


@app.command()
def watch(run: RunOrLatest = None, as_json: Json = False) -> None:
    """Watch a run until it has ended. Ctrl-C leaves the run alone.

    Examples:
      quadrupel run watch
      quadrupel run watch nightly-2026-11-23 --json

    On a terminal everything is shown anew each second; elsewhere, a line is printed every 5
    seconds, and with --json an object a line. Speed and end are judged by the last minute.
    """
    settings = read_settings()
    name = run or _latest(settings)
    with bootstrap.open_engine(settings) as engine:
        run_watch.watch(engine, name, bootstrap.now, as_json=as_json)


@app.command()
def show(
    run: Run,
    ranges: Annotated[bool, typer.Option("--ranges", help="Show every range too.")] = False,
    as_json: Json = False,
) -> None:
    """Show everything about a run: what its rules did, and whether its ranges cover all users.

    Examples:
      quadrupel run show nightly-2026-11-23
      quadrupel run show nightly-2026-11-23 --ranges --json

    Matches opened and closed are those of the run's day, whether the run or an event of that day
    was the cause. All matches are read for it, which takes a while where there are many.
    """
    settings = read_settings()
    now = bootstrap.now()
    with bootstrap.open_engine(settings) as engine:
        details = run_watch.find_details(engine, run, now)
        with transaction(engine) as connection:
            found = runs.progress(connection, run, now)
            seams = run_ranges.seams(connection, run)
            lines = run_ranges.lines(connection, run) if ranges else []
    if as_json:
        told = run_report.fields(found, now) | run_report.detail_fields(details)
        told["bad_seams"] = seams
        print_json(told | ({"range_list": [*map(asdict, lines)]} if ranges else {}))
        return
    _show(found, as_json=False)
    at = ", ".join(map(str, seams))
    covers = f"NOT all users: see the ranges {at}" if seams else "all users, no gap, no overlap"
    console.print(f"{'covers':<11}{covers}", markup=False, soft_wrap=True)
    for table in run_report.rule_tables(details):
        unlimited().print(table)
    if ranges:
        unlimited().print(run_report.ranges_table(lines, found.rule_set))


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """List the latest runs, newest first.

    Example:
      quadrupel run list --limit 5
    """
    now = bootstrap.now()
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        found = runs.latest(connection, limit, now)
    if as_json:
        print_json([run_report.fields(each, now) for each in found])
    else:
        print_table(run_report.runs_table(found, now), whole=("run", "state"), minor=("took",))


@app.command()
def pause(run: Run, as_json: Json = False) -> None:
    """Pause a run: its workers leave it at their next page, and are free for another run.

    Example:
      quadrupel run pause nightly-2026-11-23
    """
    settings = read_settings()
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        runs.pause(connection, run)
    _say(settings, run, f"is paused; quadrupel run resume {run} goes on with it", as_json=as_json)


@app.command()
def resume(run: Run, as_json: Json = False) -> None:
    """Go on with a paused run where it stopped.

    Example:
      quadrupel run resume nightly-2026-11-23
    """
    settings = read_settings()
    telemetry.configure_logs(settings.log_format, settings.log_level)
    now = bootstrap.now()
    with (
        bootstrap.open_engine(settings) as engine,
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        with transaction(engine) as connection:
            runs.resume(connection, run, now)
        schedule.fan_out(engine, producer, now)
    _say(settings, run, "goes on", as_json=as_json)


@app.command()
def cancel(run: Run, as_json: Json = False) -> None:
    """Stop a run for good, at the next page of each worker; what is published stays.

    Example:
      quadrupel run cancel nightly-2026-11-23
    """
    settings = read_settings()
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        runs.cancel(connection, run, bootstrap.now())
    _say(settings, run, "is cancelled", as_json=as_json)


@app.command()
def rate(
    run: Run,
    users: Annotated[
        str, typer.Argument(metavar="N|none", help="Users per second, at most, of all workers.")
    ],
    as_json: Json = False,
) -> None:
    """Change how fast a run may go; its workers obey within a second or a page.

    Examples:
      quadrupel run rate nightly-2026-11-23 500
      quadrupel run rate nightly-2026-11-23 none
    """
    limit = _limit(users)
    settings = read_settings()
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        runs.set_rate(connection, run, limit)
    now_is = "has no limit" if limit is None else f"does {limit:,} users/s at most"
    _say(settings, run, now_is, as_json=as_json)


def wait_for(settings: Settings, run: str) -> None:
    """Show progress until the run has ended and its verdicts are published."""
    with (
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        progress_bar() as bar,
    ):
        task = bar.add_task(f"run {run}", total=None)
        while True:
            progress = _progress(settings, run)
            done = progress.evaluated + progress.skipped
            bar.update(task, total=progress.users or 1, completed=done)
            if progress.state not in runs.OPEN:
                break
            clock.sleep(0.2)
        bar.update(task, description="publishing", completed=done)
        while bus.admin().progress(topics.VERDICTS, topics.PUBLISH_GROUP).lag:
            clock.sleep(0.2)


def _limit(text: str) -> int | None:
    if text == "none":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_RATE):
        raise typer.BadParameter(f"{text!r} is neither a number from 1 to {MAX_RATE} nor `none`")
    return int(text)


def _progress(settings: Settings, run: str) -> RunProgress:
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        return runs.progress(connection, run, bootstrap.now())


def _latest(settings: Settings) -> str:
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        found = runs.newest(connection)
    if found is None:
        raise NotFound("there was no run yet; `quadrupel run start` starts one")
    return found.run


def _say(settings: Settings, run: str, what: str, *, as_json: bool) -> None:
    """Tell what became of a run."""
    if as_json:
        _show(_progress(settings, run), as_json=True)
    else:
        console.print(f"run {run} {what}", markup=False, soft_wrap=True)


def _show(run: RunProgress, *, as_json: bool) -> None:
    """Print everything that is known of a run."""
    now = bootstrap.now()
    if as_json:
        print_json([run_report.fields(run, now)])
        return
    for name, value in run_report.words(run, now).items():
        console.print(f"{name:<11}{value}", markup=False, soft_wrap=True)
