"""`quadrupel contacts`: where users are reached, and whether they agreed to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from quadrupel import bootstrap
from quadrupel.channels.addresses import CONSENT, read_contact
from quadrupel.cli import looks
from quadrupel.cli.csv_files import CsvFile
from quadrupel.cli.output import Json, console, errors, print_json
from quadrupel.config import read_settings
from quadrupel.core.contacts import Contact
from quadrupel.core.errors import InputRefused, NotFound
from quadrupel.core.events import check_user_id
from quadrupel.core.looks import LookAt
from quadrupel.store import contacts, refusals
from quadrupel.store.database import transaction

app = typer.Typer(help="Import and look at where users are reached, and their consents.")

COLUMNS = ("user_id", "email", "language", "consent_email")
OPTIONAL_COLUMNS = {
    "phone": "phone",
    "time_zone": "time_zone",
    "consent_CHANNEL": f"consent_{CONSENT.pattern}",
}
User = Annotated[str, typer.Argument(help="The user's id.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=f"A CSV file with {','.join(COLUMNS)}.")],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Take the good rows although others are wrong.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take contacts from a CSV file, each instead of what was known of its user.

    Examples:
      quadrupel contacts import contacts.csv
      quadrupel contacts import contacts.csv --skip-bad

    The columns are user_id, email (empty: none), language (empty: the default) and
    consent_email (true or false). There may also be phone (+79123456789), time_zone
    (Europe/Moscow) and the consents of other channels, like consent_sms. If one row is wrong,
    none is taken.
    """
    settings = read_settings()
    rows = CsvFile(file, COLUMNS, OPTIONAL_COLUMNS)
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        with errors.status(f"reading {file}"):
            given = rows.read(lambda row: _contact(row, settings.languages))
            users = contacts.save(connection, given, bootstrap.now())
        if not skip_bad:
            rows.require_all()
    if as_json:
        refused = [{"line": each.line, "reason": each.reason} for each in rows.first_bad]
        print_json({"rows": rows.good, "users": users, "bad": rows.bad, "first_bad": refused})
        return
    for each in rows.first_bad:
        errors.print(f"{file}:{each.line}: {each.reason}", markup=False)
    skipped = f", {rows.bad:,} wrong rows skipped" if rows.bad else ""
    console.print(f"{rows.good:,} rows taken for {users:,} users{skipped}")


@app.command()
def show(user: User, as_json: Json = False) -> None:
    """Show where a user is reached.

    Example:
      quadrupel contacts show 7a1c

    Each look is recorded: `quadrupel audit list` shows it.
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        contact = contacts.find(connection, [user]).get(user)
        if contact is None:
            raise NotFound(
                f"no contact of {user!a} is known; `quadrupel contacts import` takes them"
            )
        looks.record(connection, user, LookAt.CONTACTS)
        suppressed = contacts.suppressed(connection, [user])
        unwanted = refusals.find(connection, [user])
    refused = {each.channel: each.reason for each in suppressed}
    if as_json:
        print_json(
            {
                "user_id": user,
                "email": contact.email,
                "phone": contact.phone,
                "language": contact.language,
                "time_zone": contact.time_zone,
                "consents": dict(contact.consents),
                "refused": refused,
                "refusals": [{"channel": each.channel, "kind": each.kind} for each in unwanted],
            }
        )
        return
    consents = [f"{name}: {'yes' if given else 'no'}" for name, given in contact.consents.items()]
    console.print(f"email      {contact.email or '-'}", markup=False)
    console.print(f"phone      {contact.phone or '-'}", markup=False)
    console.print(f"language   {contact.language or '-'}", markup=False)
    console.print(f"time zone  {contact.time_zone or '-'}", markup=False)
    console.print(f"consents   {', '.join(consents) or '-'}", markup=False)
    for channel, reason in refused.items():
        console.print(f"refused    {channel}: {reason}", markup=False)
    for each in unwanted:
        console.print(f"refuses    {each.channel}: {each.kind}", markup=False)


@app.command()
def allow(
    user: User,
    wanted: Annotated[
        bool,
        typer.Option(
            "--wanted", help="The citizen wants to be written to again: forget what was refused."
        ),
    ] = False,
) -> None:
    """Try an address again that was refused for good.

    Examples:
      quadrupel contacts allow 7a1c
      quadrupel contacts allow 7a1c --wanted

    What the citizen refused by the link in an e-mail stays refused, unless the citizen asks for
    it: --wanted.
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        allowed = contacts.allow(connection, user) > 0
        if wanted:
            allowed = refusals.forget(connection, user) or allowed
        if not allowed:
            nothing = ", and nothing by the citizen" if wanted else ""
            raise NotFound(f"no address of {user!a} was refused{nothing}")
    console.print(f"{user} is written to again, from the next message on")


def _contact(row: Mapping[str, str], languages: Sequence[str]) -> Contact:
    return read_contact(
        check_user_id(row["user_id"]),
        email=row["email"] or None,
        phone=row.get("phone") or None,
        language=row["language"] or None,
        time_zone=row.get("time_zone") or None,
        consents={
            column.removeprefix("consent_"): _consent(column, text)
            for column, text in row.items()
            if column.startswith("consent_")
        },
        languages=languages,
    )


def _consent(column: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise InputRefused("bad-row", f"{column} must be true or false")
    return text == "true"
