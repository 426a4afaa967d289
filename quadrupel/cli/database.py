"""`quadrupel db` and `quadrupel bus`: create what the stages stand on."""

import contextlib

import typer

from quadrupel import bootstrap
from quadrupel.bus import topics
from quadrupel.cli.output import Json, console, print_json
from quadrupel.config import migrations_folder, read_settings
from quadrupel.store import database

db = typer.Typer(help="Create the tables and bring them up to date.")
bus = typer.Typer(help="Create topics and look at how long they are.")


@db.command()
def migrate() -> None:
    """Bring the tables up to date; safe to repeat, and by several at once.

    Example:
      QUADRUPEL_DATABASE_URL=postgresql://... quadrupel db migrate
    """
    database.migrate(read_settings().database, migrations_folder())
    console.print("the tables are up to date")


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
