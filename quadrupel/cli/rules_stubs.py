"""`quadrupel rules stubs`: what editors need to complete and check rules while they are typed."""

from pathlib import Path
from typing import Annotated

import typer

from quadrupel.cli.output import Json, console, print_json
from quadrupel.cli.rule_choice import Folder, line
from quadrupel.config import read_settings, rules_folder
from quadrupel.rules import declaration, placements
from quadrupel.rules.problems import refusal
from quadrupel.rules.source import read
from quadrupel.rules.stubs import FILE_NAME, stubs


def write_stubs(
    rules: Folder = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if it is not up to date.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the file that lets editors complete and check rules while they are typed.

    Examples:
      quadrupel rules stubs
      quadrupel rules stubs --check

    Pyright and Pylance (the Python extension of VS Code) read `__builtins__.pyi` in the folder of
    rules by themselves. Write the types, and a wrong attribute is underlined at once:

      def matches(user: User, today: date):

    Run it again after a change of profile.py or placements.py.
    """
    folder = rules_folder(read_settings(rules=rules))
    path = folder / FILE_NAME
    text = _text(folder)
    current = path.is_file() and path.read_text(encoding="utf-8") == text
    if not check and not current:
        path.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"path": str(path), "up_to_date": current, "written": not check and not current})
    elif current:
        line(f"{path} is up to date")
    elif check:
        line(f"{path} is not up to date; `quadrupel rules stubs` writes it")
    else:
        console.print("[green]wrote[/] ", end="")
        line(str(path))
    if check and not current:
        raise typer.Exit(1)


def _text(folder: Path) -> str:
    """The stubs of the folder's declarations. Raises DeclarationRefused for what is wrong there."""
    sources = [
        read(folder / name, str(folder / name))
        for name in (declaration.FILE_NAME, placements.FILE_NAME)
    ]
    schema, places = declaration.declared(sources[0]), placements.declared(sources[1])
    problems = [problem for source in sources for problem in source.problems]
    if problems:
        raise refusal(problems)
    return stubs(schema, places)
