"""The command `quadrupel`: every command in one tree, and what its errors look like."""

import sys

import typer

from quadrupel import telemetry
from quadrupel.cli import (
    audit,
    contacts,
    database,
    dead_letters,
    events,
    keys,
    mailing,
    messages,
    profile,
    rules,
    run,
    stages,
    users,
)
from quadrupel.cli.api import api
from quadrupel.cli.demo import demo
from quadrupel.cli.output import errors
from quadrupel.cli.population import population
from quadrupel.cli.report import report
from quadrupel.cli.status import status
from quadrupel.cli.up import up
from quadrupel.core.errors import (
    DeclarationRefused,
    QuadrupelError,
    SettingRefused,
    TopicRefused,
    Unavailable,
)
from quadrupel.supervisor import REFUSED_EXIT

app = typer.Typer(
    name="quadrupel",
    help="A rule-driven targeted notification service: events in, banners and messages out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

START = "One machine"
STAGES = "Stages"
OPERATE = "Operate"
WRITE = "Write rules"

app.command(rich_help_panel=START)(demo)
app.command(rich_help_panel=START)(up)
for command in stages.COMMANDS:
    app.command(rich_help_panel=STAGES)(command)
app.command(rich_help_panel=STAGES)(api)
app.command(rich_help_panel=OPERATE)(status)
for noun, group, panel in (
    ("events", events.app, OPERATE),
    ("run", run.app, OPERATE),
    ("mailing", mailing.app, OPERATE),
    ("messages", messages.app, OPERATE),
    ("contacts", contacts.app, OPERATE),
    ("users", users.app, OPERATE),
    ("keys", keys.app, OPERATE),
    ("audit", audit.app, OPERATE),
    ("dead-letters", dead_letters.app, OPERATE),
    ("db", database.db, OPERATE),
    ("bus", database.bus, OPERATE),
    ("rules", rules.app, WRITE),
    ("profile", profile.app, WRITE),
):
    app.add_typer(group, name=noun, rich_help_panel=panel, no_args_is_help=True)
app.command(rich_help_panel=WRITE)(report)
app.command(rich_help_panel=WRITE)(population)


def main() -> None:
    """Run the command line.

    Exit codes: 0 done; 1 it failed, perhaps not the next time; 2 it cannot work until the
    arguments, settings, rules or topics are mended; 130 interrupted.
    """
    # What a command tells of itself is on standard output; until it says otherwise, logs are not.
    telemetry.configure_logs("auto", "warning")
    try:
        app()
    except (SettingRefused, DeclarationRefused, TopicRefused) as error:
        _fail(str(error), REFUSED_EXIT)
    except Unavailable as error:
        _fail(f"{error}\nnothing is lost; try again when it is back", 1)
    except QuadrupelError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("interrupted", 130)


def _fail(text: str, code: int) -> None:
    errors.print("[red]quadrupel:[/] ", end="")
    errors.print(text, markup=False)
    sys.exit(code)
