"""`quadrupel mailing`: a message to everyone of an audience."""

import threading
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.cli.arguments import day_option
from quadrupel.cli.mailing_plan import Order, Planned, plan_mailing, shown_by
from quadrupel.cli.output import Json, console, errors, print_json, print_table, progress
from quadrupel.config import read_settings
from quadrupel.core.errors import Conflict
from quadrupel.core.mailings import MAX_RATE, Audience, Mailing, MailingState
from quadrupel.core.messages import MessageState
from quadrupel.stages import mailing as fan_out
from quadrupel.stages.audience import open_audience
from quadrupel.store import mailings, message_desk, profiles
from quadrupel.store.database import transaction
from quadrupel.store.message_desk import Filter
from quadrupel.supervisor import stop_on_signals

app = typer.Typer(help="Send a message to an audience.")

Name = Annotated[str, typer.Argument(help="The mailing's name: a-z 0-9 _ -")]


@app.command()
def plan(
    name: Name,
    template: Annotated[str, typer.Option(help="The template, a folder of rules/templates.")],
    rule: Annotated[str | None, typer.Option(help="Whom this rule matches.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Whom this expression of the rule language matches.")
    ] = None,
    users: Annotated[
        Path | None, typer.Option(help="Who is in this CSV file, which has the column user_id.")
    ] = None,
    channel: Annotated[str, typer.Option(help="email, or webhook:ENDPOINT.")] = "email",
    rate: Annotated[
        int, typer.Option(help="Messages per second, at most.", min=1, max=MAX_RATE)
    ] = 50,
    as_of: Annotated[
        date | None, day_option("--as-of", "The day the audience is found for; else today.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count, show samples, and store nothing.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Rendered samples to show.", min=0, max=20)] = 2,
    as_json: Json = False,
) -> None:
    """Plan a mailing: check it, count its audience, and keep it. Nothing is sent.

    Examples:
      quadrupel mailing plan spring --template service_announcement --rule newly_moved --dry-run
      quadrupel mailing plan spring --template service_announcement
          --where 'age(user.birth_date) >= 65 and user.residence_region == "77"'
      quadrupel mailing plan spring --template service_announcement --users users.csv
    """
    if sum(choice is not None for choice in (rule, where, users)) != 1:
        raise typer.BadParameter("name one of --rule, --where and --users")
    settings = read_settings()
    order = Order(
        name=name,
        audience=Audience(rule, where, users=users is not None),
        users_file=users,
        channel=channel,
        template=template,
        rate=rate,
        as_of=as_of or bootstrap.today(settings),
        samples=samples,
    )
    planned = plan_mailing(settings, order, keep=not dry_run)
    if as_json:
        print_json({"stored": not dry_run, **planned.fields()})
        return
    _show_plan(planned)
    if dry_run:
        console.print("a dry run: nothing is stored")
    else:
        console.print(f"to send it: quadrupel mailing send {name} --confirm {name}", markup=False)


@app.command()
def send(
    name: Name,
    confirm: Annotated[str | None, typer.Option(help="The name again: you mean it.")] = None,
    as_json: Json = False,
) -> None:
    """Send a planned mailing, or go on with one whose sender died. Ctrl-C pauses it.

    Example:
      quadrupel mailing send spring --confirm spring

    Exits with 0 when everything is on its way, with 1 when it was paused or cancelled.
    """
    if confirm != name:
        with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
            found = mailings.get(connection, name)
        raise Conflict(
            f"this sends {found.template} to up to {found.audience_size:,} users; to confirm:"
            f" quadrupel mailing send {name} --confirm {name}"
        )
    _send(name, (MailingState.PLANNED, MailingState.SENDING), as_json=as_json)


@app.command()
def resume(name: Name, as_json: Json = False) -> None:
    """Go on with a mailing that was paused, or whose sender died, where it stopped.

    Example:
      quadrupel mailing resume spring
    """
    _send(name, (MailingState.PAUSED, MailingState.SENDING), as_json=as_json)


@app.command()
def pause(name: Name) -> None:
    """Pause a mailing that is being sent; its sender stops within a second.

    Example:
      quadrupel mailing pause spring

    Messages that are on the bus already are still sent.
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        mailings.move(
            connection, name, [MailingState.SENDING], MailingState.PAUSED, bootstrap.now()
        )
    console.print(f"mailing {name} is paused; quadrupel mailing resume {name} goes on with it")


@app.command()
def cancel(name: Name) -> None:
    """Cancel a mailing for good: its sender stops, and what was not sent yet never is.

    Example:
      quadrupel mailing cancel spring
    """
    with bootstrap.open_engine(read_settings()) as engine:
        count = fan_out.cancel(engine, name, bootstrap.now)
    console.print(f"mailing {name} is cancelled; {count:,} messages were taken back")


@app.command()
def rate(
    name: Name,
    messages: Annotated[
        int,
        typer.Argument(metavar="N", help="Messages per second, at most.", min=1, max=MAX_RATE),
    ],
) -> None:
    """Change how fast a mailing may go, also while it is being sent; its sender obeys at once.

    Example:
      quadrupel mailing rate spring 500
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        mailings.set_rate(connection, name, messages, bootstrap.now())
    console.print(f"mailing {name} sends {messages:,} messages/s at most")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="The mailing; else the latest ones.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """Show how far mailings are; of one mailing, also what became of its messages.

    Examples:
      quadrupel mailing status
      quadrupel mailing status spring --json
    """
    with bootstrap.open_engine(read_settings()) as engine, transaction(engine) as connection:
        if name is None:
            found, counts = mailings.latest(connection, limit), None
        else:
            found = [mailings.get(connection, name)]
            counts = message_desk.count_by_state(connection, Filter(origin=found[0].origin))
    if as_json:
        print_json([fields(each, counts) for each in found])
        return
    _show_mailings(found)
    for state, count in (counts or {}).items():
        console.print(f"{state.value:>12}  {count:,}")


def fields(mailing: Mailing, counts: dict[MessageState, int] | None = None) -> dict[str, object]:
    """A mailing as JSON; `messages` by state where they were counted."""
    shown = {name: getattr(mailing, name) for name in Mailing.__slots__}
    shown |= {"audience": str(mailing.audience), "state": mailing.state.value}
    if counts is not None:
        shown["messages"] = {state.value: count for state, count in counts.items()}
    return shown


def _send(name: str, states: tuple[MailingState, ...], *, as_json: bool) -> None:
    settings = read_settings()
    stop = stop_on_signals()
    with (
        bootstrap.open_parts(settings) as parts,
        mailings.only_sender(parts.engine, name),
    ):
        with transaction(parts.engine) as connection:
            mailing = mailings.get(connection, name)
            people = profiles.count(connection)
        shown = shown_by(settings, parts.rules, mailing.channel, mailing.template)
        pages = open_audience(parts.engine, parts.rules, mailing, shown)
        with transaction(parts.engine) as connection:
            now = bootstrap.now()
            mailing = mailings.move(connection, name, states, MailingState.SENDING, now)
        total = mailing.audience_size if mailing.audience.users else people
        with progress(f"mailing {name}", total) as advance:
            state = fan_out.send(
                parts.engine,
                parts.producer,
                mailing,
                pages,
                bootstrap.now,
                stop.wait,
                lambda looked_at, _queued: advance(looked_at),
            )
        with transaction(parts.engine) as connection:
            mailing = mailings.get(connection, name)
    _report(mailing, stop, as_json=as_json)
    if state is not MailingState.DONE:
        raise typer.Exit(1)


def _report(mailing: Mailing, stop: threading.Event, *, as_json: bool) -> None:
    if as_json:
        print_json(fields(mailing))
    else:
        console.print(f"mailing {mailing.name} is {mailing.state}: {mailing.queued:,} on their way")
    if mailing.state is MailingState.PAUSED:
        why = "you stopped it" if stop.is_set() else "it was paused from elsewhere"
        errors.print(f"{why}; to go on: quadrupel mailing resume {mailing.name}")


def _show_plan(planned: Planned) -> None:
    mailing, found = planned.mailing, planned.survey
    console.print(f"mailing {mailing.name}: {mailing.template} by {mailing.channel}", markup=False)
    console.print(f"for {mailing.audience}, as of {mailing.as_of}", markup=False)
    console.print(f"{mailing.rate:,} messages/s at most", markup=False)
    console.print(f"{found.recipients:>12,}  recipients")
    for reason, count in sorted(found.obstacles.items()):
        console.print(f"{count:>12,}  of them will not be sent to: {reason}", markup=False)
    console.print(f"{found.reachable:>12,}  will be sent to, as things are now")
    if found.incomplete:
        console.print(f"{found.incomplete:>12,}  more lack a value that the template shows")
    for user_id, rendered in planned.samples:
        console.rule(f"to {user_id}", align="left")
        console.print(rendered.subject, style="bold", markup=False)
        console.print(rendered.text, markup=False)


def _show_mailings(found: list[Mailing]) -> None:
    table = Table("mailing", "state", "audience", "template", "channel", "size", "queued", "rate")
    for each in found:
        size = f"{each.audience_size:,}"
        audience = escape(str(each.audience))
        texts = (each.name, each.state.value, audience, each.template, each.channel)
        table.add_row(*texts, size, f"{each.queued:,}", f"{each.rate}/s")
    print_table(table, whole=("mailing", "state"), minor=("template", "channel", "rate"))
