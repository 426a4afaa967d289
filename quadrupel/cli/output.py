"""How commands print: tables and sentences for people, JSON for programs."""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from quadrupel.core.values import to_text

console = Console(highlight=False)
"""Standard output; coloured on terminals only."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)
"""Standard error: progress, and what went wrong, in lines as long as they are: a path or a command
that is cut in two can neither be copied nor searched for."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def progress_bar() -> Progress:
    """What shows on a terminal how far long work is, and nothing elsewhere."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far one piece of work is; the function is told how much more is done.

    `total` None: nobody knows.
    """
    with progress_bar() as bar:
        yield partial(bar.advance, bar.add_task(what, total=total))


UNLIMITED = 100_000
"""The width of tables that no terminal shows: one row is one line there."""

OTHERS = 20
"""How much room a terminal has left for what may be cut into words, beside whole columns."""


def print_table(
    table: Table, *, whole: Collection[str] = (), minor: Collection[str] = (), to: Console = console
) -> None:
    """Print a table so that nothing of its `whole` columns is cut off: they can be copied.

    On a terminal that is too narrow for all, `minor` columns are left away, and what is longer
    than a line goes on in the next.
    """
    needs = to.measure(table, options=to.options.update(width=UNLIMITED)).maximum
    if to.is_terminal and needs > to.width:
        table.columns = [each for each in table.columns if each.header not in minor]
    to = unlimited(to)
    kept = [each for each in table.columns if each.header in whole]
    fit = sum(_longest(each) for each in kept) <= to.width - OTHERS
    for column in kept:
        column.no_wrap, column.overflow = fit, "fold"
    to.print(table)


def unlimited(to: Console = console) -> Console:
    """The console, on a terminal; else one whose lines are as long as they need to be."""
    return to if to.is_terminal else Console(file=to.file, width=UNLIMITED, highlight=False)


def let_go(out: TextIO) -> None:
    """Write nothing more to what takes nothing more: Python would try at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _longest(column: Column) -> int:
    return max(Text.from_markup(str(cell)).cell_len for cell in (column.header, *column.cells))


def print_json(value: object) -> None:
    """One JSON document on standard output; days, times and decimals as everywhere."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=to_text))


def print_json_line(value: object) -> None:
    """One JSON document in one line on standard output, at once."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=to_text))


def print_json_list(values: Iterable[object]) -> None:
    """One JSON array on standard output, an element at a time, however many there are."""
    separator = "["
    for value in values:
        element = json.dumps(value, ensure_ascii=False, indent=2, default=to_text)
        typer.echo(f"{separator}\n{element}".replace("\n", "\n  "), nl=False)
        separator = ","
    typer.echo("[]" if separator == "[" else "\n]")
