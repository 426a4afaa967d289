"""`quadrupel demo`: the driving-licence story, on a synthetic portal and the real flow."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import typer

from quadrupel import bootstrap, machine, population, portal, telemetry
from quadrupel.bus import topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.cli.output import console, progress_bar
from quadrupel.core.errors import Conflict, QuadrupelError
from quadrupel.core.events import Event
from quadrupel.core.ports import Outgoing
from quadrupel.stages import schedule
from quadrupel.store import keys, profiles, published, rule_holds, runs
from quadrupel.store.database import transaction
from quadrupel.supervisor import stop_on_signals

CITIZEN = "anna"
EMAIL = "anna@example.org"
CHUNK = 5_000
STEP_SECONDS = 60.0


class DemoStalled(QuadrupelError):
    """Something that should have happened in the demo did not in time."""


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
    users: Annotated[int, typer.Option(help="Synthetic citizens.", min=0)] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed, another population.")] = 1,
    database_url: Annotated[
        str | None, typer.Option(help="An empty PostgreSQL database; else an embedded server.")
    ] = None,
    kafka: Annotated[
        str | None, typer.Option(help="Kafka bootstrap servers; else the bus is in the database.")
    ] = None,
) -> None:
    """Watch the driving-licence story happen among synthetic citizens.

    Examples:
      quadrupel demo
      quadrupel demo --once
      quadrupel demo --once --database-url postgresql://... --kafka localhost:9092

    Everything is real: each stage is its own process, events go through the bus, banners come
    from the API and e-mails from a mail server. Without --once it stays up until Ctrl-C.
    """
    telemetry.configure_logs("auto", "warning")
    stop = stop_on_signals()
    with tempfile.TemporaryDirectory(prefix="quadrupel-demo-") as name, MailCatcher() as mail:
        folder = Path(name)
        identity = portal.create_identity(folder)
        overrides: dict[str, object] = {
            "database_url": database_url,
            "data_dir": folder,
            "kafka_bootstrap": kafka,
            "smtp_url": mail.url,
            "api_port": portal.free_port(8080),
            "jwt_keys": str(identity.public_file),
            "jwt_issuer": portal.ISSUER,
            "jwt_audience": portal.AUDIENCE,
        }
        with machine.machine(overrides, folder / "processes.log") as running:
            showing = Demo(running, identity, mail, stop, folder / "processes.log")
            showing.play(users, seed, stays=not once)
            if not once:
                console.print("\nIt all stays up; Ctrl-C ends it.")
                running.supervisor.watch(stop)


@dataclass(slots=True)
class Demo:
    """One showing. Every wait keeps the processes alive and ends at Ctrl-C."""

    running: machine.Machine
    identity: portal.Identity
    mail: MailCatcher
    stop: threading.Event
    log_file: Path

    def play(self, users: int, seed: int, *, stays: bool) -> None:
        """Populate, run a night, tell the story."""
        began = time.monotonic()
        settings = self.running.settings
        today = bootstrap.today(settings)
        self._refuse_foreign_data()
        key = self._create_key()
        self.running.supervisor.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{settings.api_port}", timeout=10) as client:
            front = portal.Portal(client, key, self.identity)
            self._wait("the API to be ready", front.is_ready)
            self._title(f"{users:,} citizens of a synthetic portal", began)
            self._populate(users, seed, today)
            self._title("The night: all rules for everyone", began)
            self._night(today)
            self._show_matches()
            self._story(front, today, began)
            self._where_to_look(front, began, stays=stays)

    def _refuse_foreign_data(self) -> None:
        with (
            bootstrap.open_engine(self.running.settings) as engine,
            transaction(engine) as connection,
        ):
            known = profiles.count(connection)
        if known:
            raise Conflict(
                f"the database has {known:,} profiles already; give the demo an empty one"
            )

    def _create_key(self) -> str:
        scopes = ["events:write", "banners:read", "contacts:write"]
        with (
            bootstrap.open_engine(self.running.settings) as engine,
            transaction(engine) as connection,
        ):
            _, key = keys.create(connection, "demo", scopes, bootstrap.now())
        return key

    def _populate(self, users: int, seed: int, today: date) -> None:
        settings = self.running.settings
        count = 0
        with (
            contextlib.closing(bootstrap.open_bus(settings)) as bus,
            contextlib.closing(bus.producer()) as producer,
            progress_bar() as bar,
        ):
            sent = bar.add_task("events sent", total=None)
            for chunk in _chunks(population.events(users, seed, today)):
                producer.publish(chunk)
                count += len(chunk)
                bar.update(sent, completed=count)
        for label, topic, group in (
            ("folded", topics.EVENTS, topics.INGEST_GROUP),
            ("evaluated", topics.PROFILES, topics.EVALUATE_PROFILES_GROUP),
            ("published", topics.VERDICTS, topics.PUBLISH_GROUP),
        ):
            self._drain(label, topic, group)
        console.print(f"  {count:,} events folded into profiles, evaluated and published")

    def _drain(self, label: str, topic: str, group: str) -> None:
        with (
            contextlib.closing(bootstrap.open_bus(self.running.settings)) as bus,
            progress_bar() as bar,
        ):
            admin = bus.admin()
            behind = total = admin.progress(topic, group).lag
            task = bar.add_task(label, total=total)
            while behind:
                self._pause()
                behind = admin.progress(topic, group).lag
                total = max(total, behind)
                bar.update(task, total=total, completed=total - behind)

    def _night(self, day: date) -> None:
        settings = self.running.settings
        now = bootstrap.now()
        name = f"demo-{day}"
        with bootstrap.open_parts(settings) as parts:
            schedule.start_run(parts.engine, name, day, parts.rules, settings.range_size, now)
            schedule.fan_out(parts.engine, parts.producer, now)
            self._wait("the run to end", lambda: self._run_ended(parts, name), seconds=300)
        self._drain("published", topics.VERDICTS, topics.PUBLISH_GROUP)
        with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
            done, held = runs.progress(connection, name), rule_holds.held(connection)
        console.print(f"  {done.evaluated:,} citizens evaluated for {day}")
        if held:
            rules = ", ".join(sorted(each.rule for each in held))
            console.print(f"  held until an operator looks at them: {rules}", soft_wrap=True)

    @staticmethod
    def _run_ended(parts: bootstrap.Parts, name: str) -> bool:
        with transaction(parts.engine) as connection:
            return runs.progress(connection, name).state != "running"

    def _show_matches(self) -> None:
        with (
            bootstrap.open_engine(self.running.settings) as engine,
            transaction(engine) as connection,
        ):
            counts = published.match_counts(connection)
        for rule, count in sorted(counts, key=lambda pair: -pair[1])[:8]:
            console.print(f"  {count:7,}  {rule}")
        console.print(f"  and {max(0, len(counts) - 8)} rules with fewer matches")

    def _story(self, front: portal.Portal, today: date, began: float) -> None:
        expires = today + timedelta(days=20)
        now = bootstrap.now()
        self._title(f"Anna's driving licence runs out on {expires}", began)
        front.save_contact(CITIZEN, EMAIL)
        front.report(portal.life_before(CITIZEN, now, expires))
        self._see(front, {"driving_licence_expiring"}, mails=1)

        self._title(f"Time moves on: it is {expires + timedelta(days=1)}", began)
        self._night(expires + timedelta(days=1))
        self._see(front, {"driving_licence_expired"}, mails=2)

        self._title("Anna gets a new licence: document.issued arrives", began)
        issued = expires + timedelta(days=1)
        front.report([portal.licence(CITIZEN, bootstrap.now(), issued)])
        self._see(front, {"insurance_certificate_update"}, mails=3)

    def _see(self, front: portal.Portal, rules: set[str], mails: int) -> None:
        """Wait until the citizen sees just these licence banners, then show banners and mail."""
        story = {
            "driving_licence_expiring",
            "driving_licence_expired",
            "insurance_certificate_update",
        }

        def seen() -> bool:
            return {str(banner["rule"]) for banner in front.banners(CITIZEN)} & story == rules

        self._wait(f"the banner {', '.join(rules)}", seen)
        self._wait("the e-mail", lambda: len(self.mail.caught(EMAIL)) >= mails)
        for banner in front.banners(CITIZEN):
            seen_banner = f"{banner['title']}  →  {banner['link']}"
            console.print(f"  [bold]banner[/]  {seen_banner}", soft_wrap=True)
        for mail in self.mail.caught(EMAIL)[mails - 1 :]:
            console.print(f"  [bold]e-mail[/]  {mail.subject}", soft_wrap=True)

    def _where_to_look(self, front: portal.Portal, began: float, *, stays: bool) -> None:
        self._title("Where to look next", began)
        console.print("  a rule                   rules/transport/driving_licence_expiring.py")
        console.print("  a first rule of your own README.md, a few minutes")
        if not stays:
            return
        base = str(front.client.base_url).rstrip("/")
        token = self.identity.token(CITIZEN, bootstrap.now())
        console.print(f"  the API, described       {base}/openapi.json")
        console.print(f"  what the processes say   {self.log_file}")
        console.print("  what Anna sees           (her token holds for an hour)")
        console.print(
            f"    curl -H 'Authorization: Bearer {token}' '{base}/v1/me/banners?locale=en'",
            soft_wrap=True,
        )

    def _wait(self, what: str, done: Callable[[], bool], seconds: float = STEP_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                said = _tail(self.log_file)
                raise DemoStalled(f"waited {seconds:.0f} s for {what}; the processes said:\n{said}")
            self._pause()

    def _pause(self) -> None:
        if self.stop.wait(0.05):
            raise KeyboardInterrupt
        self.running.supervisor.check()

    @staticmethod
    def _title(text: str, began: float) -> None:
        console.print(f"\n[bold]{text}[/]  [dim]({time.monotonic() - began:.1f} s)[/]")


def _chunks(events: Iterator[Event]) -> Iterator[list[Outgoing]]:
    chunk: list[Outgoing] = []
    for event in events:
        chunk.append(Outgoing(topics.EVENTS, event.subject.encode(), encode_event(event)))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _tail(log_file: Path, lines: int = 20) -> str:
    if not log_file.exists():
        return "(nothing)"
    return "\n".join(log_file.read_text(errors="replace").splitlines()[-lines:])
