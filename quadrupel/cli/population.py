"""`quadrupel population`: a synthetic portal population as a stream of events."""

import csv
import itertools
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from quadrupel import bootstrap
from quadrupel import population as made
from quadrupel.bus.event_codec import encode_event
from quadrupel.cli.arguments import day_option
from quadrupel.cli.output import let_go
from quadrupel.config import read_settings
from quadrupel.core.contacts import EMAIL

LINES_AT_ONCE = 1_000


def population(
    users: Annotated[int, typer.Option(help="How many citizens.", min=0)] = 1_000,
    seed: Annotated[int, typer.Option(help="Another seed, another population.")] = 1,
    today: Annotated[
        date | None, day_option("--today", "The day after the last event; else today.")
    ] = None,
    contacts: Annotated[
        Path | None, typer.Option(help="Write their contacts too, as CSV for `contacts import`.")
    ] = None,
) -> None:
    """Print the events of a synthetic population, one CloudEvents JSON object a line.

    Examples:
      quadrupel population --users 20000 > events.ndjson
      quadrupel population --users 1000000 --seed 7 --today 2026-11-23 | kcat -P ...
      quadrupel population --users 100 --contacts contacts.csv | quadrupel events send -

    The same options give the same bytes. Nothing is sent anywhere.
    """
    day = today or bootstrap.today(read_settings())
    if contacts is not None:
        _write_contacts(contacts, users, seed)
    _write_events(users, seed, day)


def _write_events(users: int, seed: int, today: date) -> None:
    out = sys.stdout.buffer
    lines = (encode_event(event) + b"\n" for event in made.events(users, seed, today))
    try:
        while chunk := b"".join(itertools.islice(lines, LINES_AT_ONCE)):
            out.write(chunk)
        out.flush()
    except BrokenPipeError:
        let_go(sys.stdout)  # who read has enough


def _write_contacts(path: Path, users: int, seed: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("user_id", "email", "language", "consent_email"))
        for contact in made.contacts(users, seed):
            consent = "true" if contact.consents[EMAIL] else "false"
            rows.writerow((contact.user_id, contact.email, contact.language, consent))
