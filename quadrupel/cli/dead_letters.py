"""`quadrupel dead-letters`: inputs that could never be applied, and why."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.bus import codec, topics
from quadrupel.cli.output import Json, console, print_json
from quadrupel.config import read_settings
from quadrupel.core.errors import NotFound

app = typer.Typer(help="Look at inputs that were put aside because they can never be applied.")


@app.command("list")
def list_(
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    as_json: Json = False,
) -> None:
    """List what was put aside, oldest first.

    Examples:
      quadrupel dead-letters list
      quadrupel dead-letters list --reason wrong-type --json
    """
    letters = [letter for letter in _letters() if reason in (None, letter.reason)]
    if as_json:
        print_json([_fields(letter) for letter in letters])
        return
    table = Table("position", "stage", "reason", "detail", "first seen")
    for letter in letters:
        first_seen = letter.first_seen.isoformat(timespec="seconds")
        table.add_row(_position(letter), letter.stage, letter.reason, letter.detail, first_seen)
    console.print(table)
    console.print(f"{len(letters)} dead letters")


@app.command()
def show(
    position: Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET, as `list` shows it.")],
    as_json: Json = False,
) -> None:
    """Show one with its original bytes.

    Example:
      quadrupel dead-letters show quadrupel.events/3/1042
    """
    for letter in _letters():
        if _position(letter) == position:
            if as_json:
                print_json(_fields(letter))
            else:
                console.print(f"{letter.reason}: {letter.detail}", markup=False)
                console.print(letter.body.decode("utf-8", "backslashreplace"), markup=False)
                if letter.size and not letter.body:
                    console.print(f"its {letter.size:,} bytes were not kept")
                elif letter.size > len(letter.body):
                    console.print(f"... the first {len(letter.body):,} of {letter.size:,} bytes")
            return
    raise NotFound(f"no dead letter at {position}; `quadrupel dead-letters list` shows them")


def _letters() -> Iterator[codec.DeadLetter]:
    """Every dead letter once, although a redelivered batch puts it aside again."""
    known: set[str] = set()
    with contextlib.closing(bootstrap.open_bus(read_settings())) as bus:
        for message in bus.admin().browse(topics.DEAD_LETTERS):
            letter = codec.read_dead_letter(message)
            if _position(letter) not in known:
                known.add(_position(letter))
                yield letter


def _position(letter: codec.DeadLetter) -> str:
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def _fields(letter: codec.DeadLetter) -> dict[str, object]:
    return {
        "position": _position(letter),
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "first_seen": letter.first_seen.isoformat(),
        "size": letter.size,
        "body": letter.body.decode("utf-8", "backslashreplace"),
    }
