"""`quadrupel profile`: check the declaration of what a profile holds."""

import typer

from quadrupel.cli.output import Json, console, print_json
from quadrupel.cli.rules import Folder, print_problems, problem_json
from quadrupel.config import read_settings, rules_folder
from quadrupel.rules import declaration
from quadrupel.rules.source import read

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
