"""The command `quadrupel`: every command in one tree, and what its errors look like."""

import errno
import importlib
import signal
import sys
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import typer

from quadrupel import telemetry
from quadrupel.cli.output import console, errors, let_go
from quadrupel.core.errors import (
    DeclarationRefused,
    QuadrupelError,
    SettingRefused,
    TopicRefused,
    Unavailable,
)
from quadrupel.supervisor import REFUSED_EXIT

START = "One machine"
STAGES = "Stages"
OPERATE = "Operate"
WRITE = "Write rules"

VERSION = "--version"

INTERRUPTED_EXIT = 130
"""What Typer makes of Ctrl-C."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a write fails with for which there is no room."""

_NO_TABLE = "42P01"
"""The code of PostgreSQL for a table that is not there."""


class Command(NamedTuple):
    """Where help lists a command, and where it is: a module of `quadrupel.cli` and a name in it.

    The name is that of a function, or of a Typer with commands of its own.
    """

    panel: str
    module: str
    name: str = "app"


COMMANDS: Mapping[str, Command] = {
    "demo": Command(START, "demo", "demo"),
    "up": Command(START, "up", "up"),
    "ingest": Command(STAGES, "stages", "ingest"),
    "evaluate": Command(STAGES, "stages", "evaluate"),
    "publish": Command(STAGES, "stages", "publish"),
    "send": Command(STAGES, "stages", "send"),
    "schedule": Command(STAGES, "stages", "schedule"),
    "api": Command(STAGES, "api", "api"),
    "status": Command(OPERATE, "status", "status"),
    "events": Command(OPERATE, "events"),
    "run": Command(OPERATE, "run"),
    "mailing": Command(OPERATE, "mailing"),
    "messages": Command(OPERATE, "messages"),
    "contacts": Command(OPERATE, "contacts"),
    "users": Command(OPERATE, "users"),
    "keys": Command(OPERATE, "keys"),
    "audit": Command(OPERATE, "audit"),
    "dead-letters": Command(OPERATE, "dead_letters"),
    "db": Command(OPERATE, "database", "db"),
    "bus": Command(OPERATE, "database", "bus"),
    "rules": Command(WRITE, "rules"),
    "profile": Command(WRITE, "profile"),
    "report": Command(WRITE, "report", "report"),
    "population": Command(WRITE, "population", "population"),
}
"""In the order in which help lists them."""


def tree(word: str = "") -> typer.Typer:
    """All commands; that one alone, where the word is the name of one: to read all takes long.

    None where it asks for the version.
    """
    alone = word in COMMANDS or word == VERSION
    app = typer.Typer(
        name="quadrupel",
        help="A rule-driven targeted notification service: events in, banners and messages out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)  # without it, one command alone would need no name
    for name, command in COMMANDS.items():
        if alone and name != word:
            continue
        found = getattr(importlib.import_module(f"quadrupel.cli.{command.module}"), command.name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, rich_help_panel=command.panel, no_args_is_help=True)
        else:
            app.command(name, rich_help_panel=command.panel)(found)
    return app


def _tell_version(wanted: bool) -> None:
    if not wanted:
        return
    # Nobody else asks for it, and most commands start sooner without.
    from importlib.metadata import version

    from quadrupel.config import migrations_folder
    from quadrupel.store.migrations import known

    newest = known(migrations_folder())[-1]
    console.print(f"quadrupel {version('quadrupel')}, migration {newest}")
    raise typer.Exit


def _options(
    _: Annotated[
        bool,
        typer.Option(
            VERSION,
            callback=_tell_version,
            is_eager=True,
            help="Print the version and its newest migration of tables.",
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 done; 1 it failed, perhaps not the next time; 2 it cannot work until the
    arguments, settings, rules or topics are mended; 130 interrupted.
    """
    # What a command tells of itself is on standard output; until it says otherwise, logs are not.
    telemetry.configure_logs("auto", "warning")
    try:
        _read_commands()()
    except (SettingRefused, DeclarationRefused, TopicRefused) as error:
        _fail(str(error), REFUSED_EXIT)
    except Unavailable as error:
        _fail(f"{error}\nnothing is lost; try again when it is back", 1)
    except QuadrupelError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail_of_system(error)
    except (KeyboardInterrupt, SystemExit) as ended:
        if isinstance(ended, SystemExit) and ended.code != INTERRUPTED_EXIT:
            raise
        _fail("interrupted: what was done stays done", INTERRUPTED_EXIT)
    except Exception as error:
        if (lacking := _lacking(error)) is None:
            raise
        _fail(f"{lacking}: run `quadrupel db migrate`", 1)


def _read_commands() -> typer.Typer:
    """The commands that the arguments may mean; from now on Ctrl-C interrupts what one does.

    Until now it ended the process, by `quadrupel.__main__`.
    """
    commands = tree("".join(sys.argv[1:2]))
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return commands


def _lacking(error: Exception) -> str | None:
    """What a database of before `db migrate` says that it lacks; None for any other error.

    By its code, since most commands do without the driver's module.
    """
    of_driver = getattr(error, "orig", error)
    if getattr(of_driver, "sqlstate", None) != _NO_TABLE:
        return None
    return str(of_driver).partition("\n")[0]


def _fail_of_system(error: OSError) -> None:
    """Tell of a file, or that there is no room for the output; raise anything else."""
    if error.filename is not None:
        _fail(f"{error.filename}: {error.strerror}", 1)
    if error.errno not in _FULL:
        raise error
    let_go(sys.stdout)
    _fail(f"not everything could be written: {error.strerror}", 1)


def _fail(text: str, code: int) -> None:
    errors.print("[red]quadrupel:[/] ", end="")
    errors.print(text, markup=False)
    sys.exit(code)
