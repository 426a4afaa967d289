"""`quadrupel keys`: what systems show to the API."""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.api.access import Scope
from quadrupel.api.service_keys import REMEMBERED_SECONDS
from quadrupel.cli.output import Json, console, errors, print_json, print_table
from quadrupel.config import read_settings
from quadrupel.store import keys
from quadrupel.store.database import transaction
from quadrupel.store.keys import ServiceKey

app = typer.Typer(
    no_args_is_help=True,
    help="Create and revoke the keys with which systems call the API.",
)


MAX_NAME = 100


def _name(text: str) -> str:
    if not text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise typer.BadParameter(f"a name is 1 to {MAX_NAME} printable characters")
    return text


@app.command()
def create(
    name: Annotated[str, typer.Option(parser=_name, metavar="TEXT", help="Whose key it is.")],
    scope: Annotated[list[Scope], typer.Option(help="What it is good for; several times.")],
    expires: Annotated[
        int | None, typer.Option(help="Days until it expires; else it does not.", min=1, max=3650)
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a key and print it, this once: only a hash of it is stored.

    Examples:
      quadrupel keys create --name crm --scope banners:read
      quadrupel keys create --name registry --scope events:write --expires 365 --json
    """
    now = bootstrap.now()
    expires_at = now + timedelta(days=expires) if expires else None
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        key, text = keys.create(connection, name, scope, now, expires_at)
    if as_json:
        print_json({**_fields(key, now), "key": text})
        return
    errors.print("The key, which is not shown again:")
    typer.echo(text)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List all keys, the oldest first, with what has become of them.

    Example:
      quadrupel keys list
    """
    now = bootstrap.now()
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        found = keys.every(connection)
    if as_json:
        print_json([_fields(key, now) for key in found])
        return
    table = Table("id", "name", "scopes", "created", "state")
    for key in found:
        created = key.created_at.date().isoformat()
        table.add_row(key.key_id, escape(key.name), " ".join(key.scopes), created, _state(key, now))
    print_table(table, whole=("id", "state"), minor=("scopes", "created"))


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id, as `quadrupel keys list` shows it.")],
    as_json: Json = False,
) -> None:
    """Revoke a key, for good. A running API may accept it for another half minute.

    Example:
      quadrupel keys revoke a1b2c3d4e5f6
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        keys.revoke(connection, key_id, bootstrap.now())
    if as_json:
        print_json({"id": key_id, "state": "revoked"})
        return
    console.print(
        f"{key_id} is revoked; a running API may accept it for {REMEMBERED_SECONDS:.0f} s more"
    )


def _state(key: ServiceKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and now >= key.expires_at
    return "expired" if expired else "holds"


def _fields(key: ServiceKey, now: datetime) -> dict[str, object]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "state": _state(key, now),
    }
