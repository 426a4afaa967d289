"""How commands print: tables and sentences for people, JSON for programs."""

import json
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
