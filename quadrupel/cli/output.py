"""How commands print: tables and sentences for people, JSON for programs."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console

console = Console(highlight=False)
"""Standard output; coloured on terminals only."""

errors = Console(stderr=True, highlight=False)
"""Standard error: progress, and what went wrong."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_json_line(value: object) -> None:
    """One JSON document in one line on standard output, at once."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_json_list(values: Iterable[object]) -> None:
    """One JSON array on standard output, an element at a time, however many there are."""
    separator = "["
    for value in values:
        element = json.dumps(value, ensure_ascii=False, indent=2, default=str)
        typer.echo(f"{separator}\n{element}".replace("\n", "\n  "), nl=False)
        separator = ","
    typer.echo("[]" if separator == "[" else "\n]")
