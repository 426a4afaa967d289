"""`quadrupel rules held|release|discard`: decide on rules whose changes wait."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.table import Table

from quadrupel import bootstrap, telemetry
from quadrupel.cli.output import Json, console, print_json, print_table
from quadrupel.config import Settings, read_settings
from quadrupel.stages import schedule
from quadrupel.store import rule_holds
from quadrupel.store.database import transaction
from quadrupel.store.rule_holds import Hold, HoldState

Rule = Annotated[str, typer.Argument(help="The id of the rule; `quadrupel rules held` lists them.")]
NoRun = Annotated[
    bool, typer.Option("--no-run", help="Leave its changes to the next night, or `run start`.")
]
All = Annotated[
    bool, typer.Option("--all", help="Also those that were released or discarded before.")
]


def held(every: All = False, as_json: Json = False) -> None:
    """List the rules whose changes wait for a decision, and why.

    Examples:
      quadrupel rules held
      quadrupel rules held --all --json

    A rule is held when it errs, takes ten times its usual time, or matches more users than its
    max_match_ratio or than twenty times its usual number. Until a decision it opens and closes no
    match and sends nothing; the other rules go on.
    """
    states = tuple(HoldState) if every else (HoldState.HELD,)
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        found = rule_holds.every(connection, states)
    if as_json:
        print_json([_fields(each) for each in found])
    elif found:
        print_table(_table(found), whole=("rule", "state"), minor=("since", "for the day"))
    else:
        console.print("no rule is held")


def release(rule: Rule, no_run: NoRun = False, as_json: Json = False) -> None:
    """Let the changes of a rule go on: what its trial showed is right.

    Examples:
      quadrupel rules release driving_licence_expiring
      quadrupel rules release driving_licence_expiring --no-run

    A run over everybody starts at once, since nobody knows any more whose changes waited. The rule
    is held again only if it goes twice as far as what is accepted by this.
    """
    settings = read_settings()
    telemetry.configure_logs(settings.log_format, settings.log_level)
    found = _decided(settings, rule, rule_holds.release)
    run = None if no_run else _start_run(settings)
    if as_json:
        print_json({"released": [_fields(each) for each in found], "run": run})
        return
    goes_on = f"run {run} brings its changes" if run else "the next run brings its changes"
    console.print(f"rule {rule} is released; {goes_on}", markup=False, soft_wrap=True)


def discard(rule: Rule, as_json: Json = False) -> None:
    """Drop the changes of a rule: it stays silent until its script says something else.

    Example:
      quadrupel rules discard driving_licence_expiring

    What is published of it stays as it is. `quadrupel rules release` takes this back.
    """
    found = _decided(read_settings(), rule, rule_holds.discard)
    if as_json:
        print_json({"discarded": [_fields(each) for each in found]})
        return
    stays = "it changes nothing until its script says something else"
    console.print(f"rule {rule} is discarded; {stays}", markup=False, soft_wrap=True)


def _decided(
    settings: Settings, rule: str, decide: Callable[[sa.Connection, str, datetime], list[Hold]]
) -> list[Hold]:
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        return decide(connection, rule, bootstrap.now())


def _start_run(settings: Settings) -> str:
    """Start a run for today, as `quadrupel run start` does; its name."""
    day, now = bootstrap.today(settings), bootstrap.now()
    name = schedule.manual_run(day, now)
    with bootstrap.open_parts(settings) as parts:
        schedule.start_run(parts.engine, name, day, parts.rules, settings.range_size, now)
        schedule.fan_out(parts.engine, parts.producer, now)
    return name


def _table(found: list[Hold]) -> Table:
    table = Table("rule", "state", "since", "for the day", "it")
    for each in found:
        since = (each.decided_at or each.held_at).isoformat(timespec="seconds")
        table.add_row(each.rule, each.state, since, str(each.as_of), each.said)
    return table


def _fields(found: Hold) -> dict[str, Any]:
    trial = found.trial
    return {
        "rule": found.rule,
        "identity": found.identity,
        "state": found.state,
        "reason": found.reason,
        "said": found.said,
        "as_of": found.as_of,
        "sample": {
            "users": trial.users,
            "matched": trial.matched,
            "errors": trial.errors,
            "seconds": round(trial.seconds, 6),
        },
        "held_at": found.held_at,
        "decided_at": found.decided_at,
    }
