"""`quadrupel messages`: what was sent and what was not, and the operator's decisions about it."""

import contextlib
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.bus import message_codec
from quadrupel.cli.output import Json, console, print_json, print_table
from quadrupel.config import Settings, read_settings
from quadrupel.core.errors import Conflict, InputRefused
from quadrupel.core.messages import MessageKey, MessageState
from quadrupel.store import message_desk, messages
from quadrupel.store.database import transaction
from quadrupel.store.message_desk import RESENDABLE, Entry, Filter

app = typer.Typer(help="Look at messages, and decide about those that wait for a decision.")

CHUNK = 1_000

Key = Annotated[str | None, typer.Argument(help="USER/ORIGIN/EPISODE/CHANNEL, as `list` shows it.")]
State = Annotated[MessageState | None, typer.Option(help="Only messages in this state.")]
Origin = Annotated[str | None, typer.Option(help="Only messages of rule:ID or of mailing:NAME.")]
User = Annotated[str | None, typer.Option(help="Only messages to this user.")]
Confirm = Annotated[
    bool, typer.Option("--confirm", help="Needed without a KEY: do it to all of them.")
]


@app.command("list")
def list_(
    state: State = None,
    origin: Origin = None,
    user: User = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=100_000)] = 50,
    as_json: Json = False,
) -> None:
    """List messages in the order of users.

    Examples:
      quadrupel messages list --state unknown
      quadrupel messages list --user 7a1c --json
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        found = message_desk.find(connection, Filter(state, origin, user), limit)
    if as_json:
        print_json([_fields(entry) for entry in found])
        return
    table = Table("key", "template", "state", "attempts", "next attempt", "error", "updated")
    for each in found:
        again = each.next_attempt_at.isoformat(timespec="seconds") if each.next_attempt_at else ""
        updated = each.updated_at.isoformat(timespec="seconds")
        key = escape(write_key(each.message.key))
        texts = (key, each.message.template, each.state, str(each.attempts), again)
        table.add_row(*texts, escape(each.error or ""), updated)
    minor = ("template", "attempts", "next attempt", "updated")
    print_table(table, whole=("key", "state"), minor=minor)
    if len(found) == limit:
        console.print(f"there may be more than these {limit}; --limit shows them")


@app.command()
def show(key: Annotated[str, typer.Argument(help="As `list` shows it.")]) -> None:
    """Show one message with the values it carries, as JSON.

    Example:
      quadrupel messages show 7a1c/rule:newly_moved/2026-11-20/email
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        print_json(_fields(message_desk.get(connection, read_key(key))))


@app.command()
def resend(
    key: Key = None,
    state: State = None,
    origin: Origin = None,
    confirm: Confirm = False,
) -> None:
    """Send messages (again) that are unknown, failed, suppressed, or pending and forgotten.

    Examples:
      quadrupel messages resend 7a1c/rule:newly_moved/2026-11-20/email
      quadrupel messages resend --state failed --origin mailing:spring --confirm

    An unknown message may have arrived: sending it again is your decision.
    """
    settings = read_settings()
    wanted = _wanted(settings, key, state, origin, RESENDABLE, confirm=confirm)
    count, last = 0, None
    with (
        bootstrap.open_engine(settings) as engine,
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        began = bootstrap.now()
        while True:
            with transaction(engine) as connection:
                keys = message_desk.send_again(connection, wanted, CHUNK, began, last)
            producer.publish([message_codec.outgoing(each) for each in keys])
            count += len(keys)
            if len(keys) < CHUNK:
                break
            last = keys[-1]
    console.print(f"{count:,} messages are on their way")


@app.command()
def settle(
    as_: Annotated[MessageState, typer.Option("--as", help="What became of it: sent or failed.")],
    key: Key = None,
    origin: Origin = None,
    confirm: Confirm = False,
) -> None:
    """Say what became of unknown messages, without sending them again.

    Examples:
      quadrupel messages settle 7a1c/rule:newly_moved/2026-11-20/email --as sent
      quadrupel messages settle --origin mailing:spring --as failed --confirm
    """
    if as_ not in (MessageState.SENT, MessageState.FAILED):
        raise typer.BadParameter("it is sent or failed", param_hint="--as")
    settings = read_settings()
    unknown = (MessageState.UNKNOWN,)
    wanted = _wanted(settings, key, MessageState.UNKNOWN, origin, unknown, confirm=confirm)
    count, last = 0, None
    with bootstrap.open_engine(settings) as engine:
        while True:
            with transaction(engine) as connection:
                keys = message_desk.decide(connection, wanted, as_, CHUNK, bootstrap.now(), last)
            count += len(keys)
            if len(keys) < CHUNK:
                break
            last = keys[-1]
    console.print(f"{count:,} messages are {as_.value}")


def read_key(text: str) -> MessageKey:
    """The key that `write_key` wrote; InputRefused (`bad-key`) if it is none."""
    head, _, channel = text.rpartition("/")
    user_id, _, rest = head.partition("/")
    origin, _, episode = rest.partition("/")
    if not (user_id and origin and episode and channel):
        raise InputRefused(
            "bad-key", f"a message is named USER/ORIGIN/EPISODE/CHANNEL, not {text[:200]!a}"
        )
    return MessageKey(user_id, origin, episode, channel)


def write_key(key: MessageKey) -> str:
    """The key as one word: only the episode may have a slash of its own."""
    return "/".join(messages.parts(key))


def _wanted(
    settings: Settings,
    key: str | None,
    state: MessageState | None,
    origin: str | None,
    allowed: Sequence[MessageState],
    *,
    confirm: bool,
) -> Filter | MessageKey:
    """The messages meant, after they were checked to be what a decision can be about."""
    if key is not None:
        return _one(settings, read_key(key), allowed)
    if state is None or (origin is None and state is not MessageState.UNKNOWN):
        raise typer.BadParameter("name a KEY, or a --state and an --origin")
    if state not in allowed:
        raise Conflict(f"{state.value} messages cannot be; {_listed(allowed)} can")
    wanted = Filter(state, origin)
    if not confirm:
        with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
            count = sum(message_desk.count_by_state(connection, wanted).values())
        raise Conflict(f"that would be {count:,} messages; say --confirm if you mean it")
    return wanted


def _one(settings: Settings, key: MessageKey, allowed: Sequence[MessageState]) -> MessageKey:
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        state = message_desk.get(connection, key).state
    if state not in allowed:
        raise Conflict(f"the message is {state.value}; {_listed(allowed)} can be decided about")
    return key


def _listed(states: Sequence[MessageState]) -> str:
    return ", ".join(state.value for state in states)


def _fields(entry: Entry) -> dict[str, object]:
    key = entry.message.key
    return {
        "key": write_key(key),
        "id": key.digest,
        "user_id": key.user_id,
        "origin": key.origin,
        "episode": key.episode,
        "channel": key.channel,
        "template": entry.message.template,
        "values": dict(entry.message.values),
        "state": entry.state.value,
        "attempts": entry.attempts,
        "next_attempt_at": entry.next_attempt_at,
        "error": entry.error,
        "recorded_at": entry.recorded_at,
        "updated_at": entry.updated_at,
    }
