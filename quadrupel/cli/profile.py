"""`quadrupel profile`: check the declaration of what a profile holds, and make it so."""

from typing import Annotated

import typer

from quadrupel import bootstrap
from quadrupel.cli.output import Json, console, print_json
from quadrupel.cli.rule_choice import Folder
from quadrupel.cli.rules import print_problems, problem_json
from quadrupel.config import read_settings, rules_folder
from quadrupel.rules import declaration
from quadrupel.rules.source import read
from quadrupel.store import schema
from quadrupel.store.database import driver, transaction
from quadrupel.store.schema import SchemaPlan

app = typer.Typer(help="Declare what is remembered of a citizen.")


@app.command()
def check(rules: Folder = None, as_json: Json = False) -> None:
    """Check the profile declaration; explain all that is wrong with it.

    Examples:
      quadrupel profile check
      quadrupel profile check --rules ~/portal/rules --json

    Exits with 1 if something is wrong.
    """
    path = rules_folder(read_settings(rules=rules)) / declaration.FILE_NAME
    source = read(path, str(path))
    attributes = declaration.declared(source).attributes
    if as_json:
        problems = [problem_json(problem) for problem in source.problems]
        print_json({"attributes": list(attributes), "problems": problems})
    elif not source.problems:
        console.print(f"{len(attributes)} attributes: all right")
    print_problems(() if as_json else source.problems)
    if source.problems:
        raise typer.Exit(1)


@app.command()
def apply(
    rules: Folder = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the migration and change nothing.")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="Drop the columns of removed attributes, and their data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the table of profiles as declared: the migration from what was applied last.

    Examples:
      quadrupel profile apply --dry-run
      quadrupel profile apply

    A new attribute is an instant ADD COLUMN and has no values until events bring them. A changed
    feed keeps the values folded before. A changed type is refused.
    """
    settings = read_settings(rules=rules)
    declared = declaration.read_schema(rules_folder(settings) / declaration.FILE_NAME)
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        if dry_run:
            plan = schema.plan(connection, declared)
        else:
            plan = schema.apply(connection, declared, bootstrap.now(), drop=drop)
        statements = [each.as_string(driver(connection)) for each in plan.statements(drop=drop)]
    if as_json:
        print_json(_fields(plan, statements, applied=not dry_run))
    else:
        _print(plan, statements, drop=drop, dry_run=dry_run)


def _print(plan: SchemaPlan, statements: list[str], *, drop: bool, dry_run: bool) -> None:
    for statement in statements:
        console.print(f"{statement};", markup=False, soft_wrap=True)
    for attribute in plan.refed:
        console.print(f"{attribute.name}: fed otherwise from now on; its values stay as they were")
    if plan.removed and not drop:
        removed = ", ".join(plan.removed)
        console.print(f"no longer declared, kept until --drop: {removed}", soft_wrap=True)
    if plan.is_empty:
        console.print("the table of profiles is as declared")
    elif dry_run:
        console.print("nothing was changed; without --dry-run it would be")
    else:
        console.print("applied")


def _fields(plan: SchemaPlan, statements: list[str], *, applied: bool) -> dict[str, object]:
    return {
        "applied": applied,
        "statements": statements,
        "added": [attribute.name for attribute in plan.added],
        "fed_otherwise": [attribute.name for attribute in plan.refed],
        "removed": list(plan.removed),
    }
