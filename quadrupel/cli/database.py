"""`quadrupel db` and `quadrupel bus`: create what the stages stand on."""

import contextlib
from typing import Annotated

import sqlalchemy as sa
import typer

from quadrupel import bootstrap
from quadrupel.bus import topics
from quadrupel.cli.output import Json, console, errors, print_json, progress
from quadrupel.config import migrations_folder, read_settings
from quadrupel.store import citus, database, migrations

db = typer.Typer(help="Create the tables and bring them up to date.")
bus = typer.Typer(help="Create topics and look at how long they are.")


@db.command()
def migrate() -> None:
    """Bring the tables up to date; safe to repeat, and by several at once.

    Example:
      QUADRUPEL_DATABASE_URL=postgresql://... quadrupel db migrate

    Where a newer version brought the tables up to date already, it changes nothing and says so.
    """
    notice = migrations.migrate(read_settings().database, migrations_folder())
    if notice is not None:
        errors.print(notice, markup=False)
        return
    console.print("the tables are up to date")


@db.command()
def distribute(
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Do it; without this, only say what would be done.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Spread the tables that hold users over the nodes of a Citus cluster, by user id.

    Examples:
      quadrupel db distribute
      quadrupel db distribute --confirm
      quadrupel db distribute --confirm --json

    Safe to repeat: tables that are distributed are left as they are. Not for production yet: Citus
    refuses statements of publish, send and nights on distributed tables. How far it goes is told
    in docs/how-to/run-in-production.md, under Citus.
    """
    with bootstrap.open_engine(read_settings()) as engine:
        with database.transaction(engine) as connection:
            found = citus.look(connection)
        if confirm:
            _distribute(engine, found)
    if as_json:
        names = {"distributed": found.missing, "already": found.done}
        print_json({**names, "applied": confirm})
        return
    for name in found.missing:
        console.print(f"{name}: {'distributed' if confirm else 'would be distributed'} by user_id")
    if not found.missing:
        console.print("every table that holds users is distributed already")
    elif not confirm:
        console.print("nothing was changed; say --confirm to do it")


def _distribute(engine: sa.Engine, found: citus.Distribution) -> None:
    """A transaction for each table, so that what is done stays done."""
    names = [*found.done, *found.missing]
    with progress("distributing tables", total=len(names)) as advance:
        for name in names:
            with database.transaction(engine) as connection:
                citus.distribute(connection, name)
            with database.transaction(engine) as connection:
                citus.forget_local_rows(connection, name)
            advance(1)


@bus.command()
def create() -> None:
    """Create the topics that are missing; existing ones are left as they are.

    Example:
      QUADRUPEL_PARTITIONS=12 quadrupel bus create
    """
    settings = read_settings()
    with contextlib.closing(bootstrap.open_bus(settings)) as opened:
        wanted = topics.topics(settings.partitions)
        created = opened.admin().create(wanted)
        opened.admin().verify(wanted)
    for name in created:
        console.print(f"created {name} with {settings.partitions} partitions")
    if not created:
        console.print("every topic exists already")


@bus.command()
def lag(as_json: Json = False) -> None:
    """Show how many messages each stage has not worked through yet.

    Example:
      quadrupel bus lag --json
    """
    with contextlib.closing(bootstrap.open_bus(read_settings())) as opened:
        admin = opened.admin()
        lags = {lane.topic: admin.progress(lane.topic, lane.group).lag for lane in topics.LANES}
    if as_json:
        print_json(lags)
        return
    for topic, behind in lags.items():
        console.print(f"{topic:24}{behind:>12,}")
