"""`quadrupel run verify` and `run start --dry-run`: what a run would say, without writing it."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import Annotated

import typer
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.bootstrap import Parts
from quadrupel.cli.arguments import day_option
from quadrupel.cli.output import Json, console, print_json, print_table, progress
from quadrupel.config import read_settings
from quadrupel.core.errors import Conflict
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.rules.offered import offers
from quadrupel.rules.row import RowReading
from quadrupel.stages import schedule
from quadrupel.stages.pages import Pages
from quadrupel.stages.proof import Anew, Proof, prove
from quadrupel.stages.rehearsal import Changes, rehearse
from quadrupel.stages.trial import foresee
from quadrupel.store import rule_holds, rule_numbers, run_users
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

SHOWN = 20
"""How many differences are shown."""


def verify(
    sample: Annotated[
        int, typer.Option(help="How many users to evaluate.", min=1, max=10_000_000)
    ] = 10_000,
    as_of: Annotated[date | None, day_option("--as-of", "The day to evaluate; else today.")] = None,
    seed: Annotated[int, typer.Option(help="Another one draws another sample.", min=0)] = 1,
    as_json: Json = False,
) -> None:
    """Evaluate users who are not due, and compare with what is published of them.

    Examples:
      quadrupel run verify
      quadrupel run verify --sample 1000000 --json

    Ends with 1 and says whose and which, if anything differs: then a deadline was wrong, or the
    two ways of evaluating disagree, and `quadrupel run start --full` puts it right; or a banner set
    is not what follows, and `quadrupel run start --anew` puts it right. Please report it.
    """
    settings = read_settings()
    day = as_of or bootstrap.today(settings)
    with bootstrap.open_parts(settings) as parts:
        _check_covered(parts)
        with progress("verifying", sample) as advance:
            anew = Anew(
                RowReading(parts.rules),
                ProfileStore(parts.rules.schema),
                offers(parts.rules),
                settings.zone,
            )
            proof = prove(parts.engine, anew, day, bootstrap.now(), sample, seed, advance)
    _show_proof(proof, day, as_json=as_json)
    if proof.differences:
        count = f"{len(proof.differences):,}"
        raise Conflict(f"{count} verdicts and banners differ from what is published")


def dry_run(day: date, *, full: bool, anew: bool, as_json: bool) -> None:
    """Show what a run for a day would change, by rule, and which rules it would hold."""
    settings = read_settings()
    with bootstrap.open_parts(settings) as parts:
        objections = foresee(parts.engine, parts.rules, day)
        with transaction(parts.engine) as connection:
            held = rule_holds.silent(connection, parts.rules.identities)
            plan = schedule.plan_of(connection, parts.rules, full=full, anew=anew)
            users = run_users.users_of(connection, plan, day)
            numbers = rule_numbers.foreseen(connection, parts.rules.rules)
        with progress("rehearsing", users) as advance:
            changes = rehearse(
                parts.engine,
                Pages(parts.rules, numbers),
                offers(parts.rules),
                plan,
                day,
                bootstrap.now(),
                advance,
                settings.reopen_days,
                objections,
                own=settings.zone,
            )
    said = {rule: each.said for rule, each in objections.items() if rule not in held}
    _show_changes(changes, RunPlan(plan.kind) if anew else plan, said, day, as_json=as_json)


def _check_covered(parts: Parts) -> None:
    with transaction(parts.engine) as connection:
        plan = schedule.plan_of(connection, parts.rules)
    if plan.kind is not RunKind.DUE:
        raise Conflict(
            "not everybody was asked the rules in force yet, so what is published may differ;"
            " let a run end first: quadrupel run start --wait"
        )


def _show_proof(proof: Proof, day: date, *, as_json: bool) -> None:
    if as_json:
        differences = [asdict(each) for each in proof.differences]
        print_json({"as_of": day, "users": proof.users, "differences": differences})
        return
    if proof.differences:
        table = Table("user", "rule", "the rules say", "published", "due on")
        for each in proof.differences[:SHOWN]:
            table.add_row(each.user_id, each.rule, each.says, each.published, str(each.due_on))
        print_table(table, whole=("user", "rule"), minor=("due on",))
    console.print(
        f"{proof.users:,} users who are not due on {day} evaluated,"
        f" {len(proof.differences):,} verdicts and banners differ from what is published"
    )


def _show_changes(
    changes: Changes, plan: RunPlan, said: Mapping[str, str], day: date, *, as_json: bool
) -> None:
    """Print the changes; `said` is what would be objected to, by rule."""
    if as_json:
        head = {"as_of": day, "kind": plan.kind}
        rules = {"changed_rules": plan.changed, "removed_rules": plan.removed, "would_hold": said}
        counted = {each.name: getattr(changes, each.name) for each in fields(changes)}
        print_json(head | rules | counted)  # `asdict` would count the items of the counters
        return
    table = Table("rule", "opens", "closes", "errors")
    for rule in sorted(changes.opened | changes.closed | changes.errors):
        counts = (changes.opened[rule], changes.closed[rule], changes.errors[rule])
        table.add_row(rule, *(f"{count:,}" for count in counts))
    print_table(table, whole=("rule",))
    for what, names in (("new or changed", plan.changed), ("removed", plan.removed)):
        if names:
            console.print(f"rules {what}: {', '.join(names)}", soft_wrap=True)
    for rule, objection in sorted(said.items()):
        console.print(f"rule {rule} would be held: it {objection}", markup=False, soft_wrap=True)
    sent = ", ".join(
        f"{count:,} by {channel}" for channel, count in sorted(changes.messages.items())
    )
    console.print(
        f"a run ({plan.kind}) for {day} would evaluate {changes.users:,} users and change what is"
        f" published of {changes.changed:,}; messages at most: {sent or 'none'}"
    )
