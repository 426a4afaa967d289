"""`quadrupel audit`: who looked at whom."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.cli.output import Json, console, print_json, print_table
from quadrupel.cli.user_documents import look_fields
from quadrupel.config import read_settings
from quadrupel.core.events import check_user_id
from quadrupel.core.looks import Look
from quadrupel.store import looks
from quadrupel.store.database import transaction

app = typer.Typer(help="See who looked at whom, with a service key or as an operator.")


def _since(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; write YYYY-MM-DD or YYYY-MM-DDTHH:MM, in UTC unless it has an"
            " offset"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Option(help="Only looks at this user.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Only looks with keys of this name, or with this id.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=_since, metavar="TIME", help="Only looks from this day or time on."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1_000_000)] = 100,
    as_json: Json = False,
) -> None:
    """List the latest looks, the latest first: who read, wrote, exported or erased a user's data.

    Examples:
      quadrupel audit list --user 7a1c
      quadrupel audit list --key support-desk --since 2026-11-01
      quadrupel audit list --key operator --since 2026-11-23T08:00 --limit 10000 --json

    Looks by this command line have the key `operator`, and HOST:PID in place of a request's id.
    Each is there some tenths of a second after it was made; while the database is away, when it is
    back. They are kept for QUADRUPEL_AUDIT_DAYS. Without --user all of them may have to be read.
    """
    if user is not None:
        check_user_id(user)
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        found = looks.find(connection, user_id=user, key=key, since=since, limit=limit)
    if as_json:
        print_json([{"user_id": look.user_id, **look_fields(look)} for look in found])
        return
    print_table(_table(found), whole=("at", "user", "request"), minor=("key id",))
    if len(found) == limit:
        console.print(f"there may be more than these {limit}; --limit shows them")


def _table(found: list[Look]) -> Table:
    table = Table("at", "user", "key", "key id", "route", "request")
    for look in found:
        at = look.at.astimezone(UTC).isoformat(timespec="milliseconds")
        name = escape(look.key_name)
        table.add_row(at, look.user_id, name, look.key_id, look.route, look.request_id)
    return table
