"""`quadrupel users`: what is held about a user, all of it to hand out, and none of it any more."""

import contextlib
import json
import os
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap, telemetry
from quadrupel.bus.event_codec import event_message
from quadrupel.cli import looks
from quadrupel.cli.output import Json, console, errors, print_table
from quadrupel.cli.user_documents import Document, summary, whole
from quadrupel.config import Settings, read_settings
from quadrupel.core.errors import Conflict, NotFound, Unavailable
from quadrupel.core.events import Event, check_user_id
from quadrupel.core.feedback import Action
from quadrupel.core.lifecycle import ERASED
from quadrupel.core.looks import LookAt
from quadrupel.core.values import to_text
from quadrupel.store import users
from quadrupel.store.database import transaction
from quadrupel.store.users import HeldUser

SOURCE = "/operator"
LOOK_SECONDS = 0.2

app = typer.Typer(help="Look at what is held about a user, hand it out, and erase it.")
log = structlog.get_logger()

User = Annotated[str, typer.Argument(help="The user's id.")]


@app.command()
def show(user: User, as_json: Json = False) -> None:
    """Show what is known of a user, without the addresses.

    Examples:
      quadrupel users show 7a1c
      quadrupel users show 7a1c --json

    Of an erased user it shows when that was. Each look is recorded: `quadrupel audit list` shows
    it.
    """
    held = _held(_settings(), user, LookAt.USER)
    document = summary(held)
    if as_json:
        typer.echo(_text(document))
    else:
        _print(document)


@app.command()
def export(
    user: User,
    output: Annotated[
        Path | None, typer.Option(help="A new file to write, for the owner's eyes only.")
    ] = None,
) -> None:
    """Write everything held about a user as one JSON document, the addresses too.

    Examples:
      quadrupel users export 7a1c --output 7a1c.json
      quadrupel users export 7a1c | jq .profile

    It is what a data subject asks for. Each export is recorded: `quadrupel audit list` shows it.
    """
    held = _held(_settings(), user, LookAt.EXPORT)
    text = _text(whole(held, bootstrap.now()))
    if output is None:
        typer.echo(text)
        return
    _write_new(output, text + "\n")
    console.print(f"everything held about {user} is in {output}", markup=False, soft_wrap=True)


@app.command()
def erase(
    user: User,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Needed: what is erased does not come back.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is done.")] = False,
    timeout: Annotated[
        float, typer.Option(help="With --wait: seconds to wait.", min=0.0, max=86_400.0)
    ] = 60.0,
) -> None:
    """Erase everything held about a user, by an event that says so.

    Examples:
      quadrupel users erase 7a1c
      quadrupel users erase 7a1c --confirm --wait

    Without --confirm it only says what would go. Later events of the user are refused until an
    event `user.registered`.
    """
    settings = _settings()
    held = _held(settings, user, LookAt.ERASURE if confirm else LookAt.USER)
    if not confirm:
        raise Conflict(f"that would erase {_counted(held)}; say --confirm if you mean it")
    now = bootstrap.now()
    event = Event(str(uuid.uuid4()), SOURCE, ERASED, user, now, {})
    with (
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        producer.publish([event_message(event)])
    log.info("the erasure of a user was asked for", key=None, user=user, id=event.id)
    if not wait:
        console.print(f"the erasure of {user} is on the bus; ingest does the rest", markup=False)
        return
    _wait(settings, user, now, timeout)
    console.print(f"{user} is erased", markup=False)


def _settings() -> Settings:
    settings = read_settings()
    telemetry.configure_logs(settings.log_format, settings.log_level)
    return settings


def _held(settings: Settings, user: str, what: LookAt) -> HeldUser:
    """What is held about the user, of which the look is recorded; NotFound if that is nothing."""
    check_user_id(user)
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        held = users.read(connection, user)
        if not held.is_known:
            raise NotFound(f'there is no user "{user}": nothing is held about one')
        looks.record(connection, user, what)
    return held


def _counted(held: HeldUser) -> str:
    attributes = len(held.profile.attributes) if held.profile else 0
    counts = {
        "attributes": attributes,
        "matches": len(held.matches),
        "messages": len(held.messages),
        "banners that feedback is about": len(held.feedback),
        "arms in experiments": len(held.exposures),
        "refused addresses": len(held.suppressions),
        "refused kinds": len(held.refusals),
        "places in lists of mailings": len(held.mailings),
    }
    listed = ", ".join(f"{count} {what}" for what, count in counts.items())
    banner_set = "a banner set" if held.banner_set else "no banner set"
    contact = "a contact" if held.contact else "no contact"
    return f"{listed}, {banner_set} and {contact} of {held.user_id}"


def _wait(settings: Settings, user: str, since: datetime, timeout: float) -> None:
    """Return when the tombstone of that erasure is there. Raises Unavailable after `timeout`."""
    deadline = time.monotonic() + timeout
    with bootstrap.open_engine(settings) as engine, errors.status(f"erasing {user}"):
        while True:
            with transaction(engine) as connection:
                erased_at = users.erased_at(connection, user)
            if erased_at is not None and erased_at >= since:
                return
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"{user} is not erased after {timeout:g} s: the event is on the bus, and ingest"
                    " has not come to it; is `quadrupel ingest` running?"
                )
            time.sleep(LOOK_SECONDS)


def _write_new(path: Path, text: str) -> None:
    """Write a file that nobody but its owner can read, and that was not there before."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{path} is there already; choose another file") from error
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, default=to_text)


def _print(document: Document) -> None:
    profile, banner_set = document["profile"], document["banner_set"]
    lines: dict[str, object] = {"user": document["user_id"]}
    if profile is not None:
        lines["profile"] = f"version {profile['version']} of {to_text(profile['updated_at'])}"
        for name in ("registered", "erased"):
            if profile[f"{name}_at"] is not None:
                lines[name] = to_text(profile[f"{name}_at"])
    lines["contact"] = "yes" if document["contact"] else "no"
    lines["refuses"] = ", ".join(_refused(document["refusals"])) or "nothing"
    if banner_set is not None:
        lines["banners"] = f"version {banner_set['version']} of {banner_set['as_of']}: " + (
            ", ".join(banner["rule"] for banner in banner_set["banners"]) or "none"
        )
    lines["messages"] = (
        ", ".join(f"{count} {state}" for state, count in document["messages"].items()) or "none"
    )
    lines["looks"] = _looks(document["looks"])
    for name, value in lines.items():
        console.print(f"{name:<12}{value}", markup=False, soft_wrap=True)
    if profile is not None and profile["attributes"]:
        _print_attributes(profile["attributes"])
    if document["open_matches"]:
        _print_matches(document["open_matches"])
    if document["feedback"]:
        _print_feedback(document["feedback"])
    if document["exposures"]:
        _print_exposures(document["exposures"])


def _refused(refusals: list[Document]) -> list[str]:
    return [f"{each['kind']} by {each['channel']}" for each in refusals]


def _looks(found: Document) -> str:
    if not found["count"]:
        return "none"
    last = found["latest"][0]
    return f"{found['count']}, the last by {last['key_name']} at {to_text(last['at'])}"


def _print_attributes(attributes: Document) -> None:
    table = Table("attribute", "value", "event of")
    for name, held in attributes.items():
        value, event_time = held["value"], held["event_time"]
        table.add_row(name, escape(_told(value)), to_text(event_time) if event_time else "")
    print_table(table, whole=("attribute",))


def _print_matches(matches: list[Document]) -> None:
    table = Table("match", "episode", "since")
    for match in matches:
        table.add_row(match["rule"], escape(match["episode"]), str(match["opened_on"]))
    print_table(table, whole=("match",))


def _print_feedback(feedback: list[Document]) -> None:
    table = Table("banner", "episode", *(f"{action.value} last" for action in Action))
    for row in feedback:
        times = [row[f"last_{action}"] for action in Action]
        told = ["" if time is None else to_text(time) for time in times]
        table.add_row(row["rule"], escape(row["episode"]), *told)
    print_table(table, whole=("banner",))


def _print_exposures(exposures: list[Document]) -> None:
    table = Table("experiment", "episode", "arm", "since", "goal reached")
    for row in exposures:
        reached = "" if row["goal_at"] is None else to_text(row["goal_at"])
        since = to_text(row["since"])
        table.add_row(row["rule"], escape(row["episode"]), row["arm"], since, reached)
    print_table(table, whole=("experiment",))


def _told(value: Any) -> str:
    """A value as a person reads it; a statistic by its keys, a windowed count by its days."""
    if isinstance(value, dict):
        counts = {
            key: each if isinstance(each, int) else each["count"] for key, each in value.items()
        }
        return ", ".join(f"{key} x{count}" for key, count in sorted(counts.items()))
    return to_text(value)
