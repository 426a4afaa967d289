"""`quadrupel events`: check files of events, and send them."""

import contextlib
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO

import httpx
import stamina
import typer

from quadrupel import bootstrap
from quadrupel.cli.event_files import BadEvent, chunks, read_events
from quadrupel.cli.output import Json, console, errors, print_json, progress
from quadrupel.config import read_settings
from quadrupel.core.errors import BusUnavailable, InputRefused
from quadrupel.core.ports import Outgoing
from quadrupel.http_urls import http_url
from quadrupel.store.keys import split_key

MAX_SHOWN = 100
REQUEST_SECONDS = 30.0
PATIENCE_SECONDS = 120.0

app = typer.Typer(no_args_is_help=True, help="Check files of events, and send them.")

File = Annotated[
    str, typer.Argument(help="NDJSON or one JSON array of CloudEvents; - for standard input.")
]
Deliver = Callable[[list[Outgoing]], None]


@dataclass(slots=True)
class Report:
    """What became of a file's events. `bad` has the first `MAX_SHOWN` of the `refused` ones."""

    good: int = 0
    refused: int = 0
    bad: list[BadEvent] = field(default_factory=list)

    def sift(self, read: Iterator[Outgoing | BadEvent], name: str) -> Iterator[Outgoing]:
        """The good events, while the bad ones are reported."""
        for found in read:
            if isinstance(found, Outgoing):
                self.good += 1
                yield found
                continue
            self.refused += 1
            if self.refused <= MAX_SHOWN:
                self.bad.append(found)
                text = f"{name}: {found.place}: {found.reason}: {found.detail}"
                errors.print(text, markup=False)


@app.command()
def check(file: File, as_json: Json = False) -> None:
    """Check events without sending them.

    Examples:
      quadrupel events check events.ndjson
      quadrupel population --users 10 | quadrupel events check -
    """
    report = Report()
    with _opened(file) as stream:
        for _ in report.sift(read_events(stream, bootstrap.now), file):
            pass
    _print(report, 0, as_json=as_json)
    if report.refused:
        raise typer.Exit(1)


@app.command()
def send(
    file: File,
    url: Annotated[
        str | None, typer.Option(help="Send through the API at this URL, not onto the bus.")
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            envvar="QUADRUPEL_SERVICE_KEY",
            help="The service key to show to the API; whoever lists processes reads it here.",
        ),
    ] = "",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send the good ones, and leave out the bad ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send events, straight onto the bus or through the API.

    Examples:
      quadrupel events send events.ndjson
      quadrupel events send events.ndjson --url https://portal.example/quadrupel
      quadrupel population --users 1000 | quadrupel events send --skip-bad -

    With --url it takes a service key of the scope events:write, from QUADRUPEL_SERVICE_KEY.

    Everything is checked before anything is sent; with --skip-bad each event as it comes. Sending
    a file again changes nothing, so after a failure just send it again.
    """
    if url is not None:
        _check_way(url, key)
    report, sent = Report(), 0
    with _opened(file, again=not skip_bad) as stream:
        if not skip_bad:
            for _ in report.sift(read_events(stream, bootstrap.now), file):
                pass
            stream.seek(0)
        if skip_bad or not report.refused:
            report = Report()
            with _way(url, key) as deliver, progress("events sent", None) as advance:
                for chunk in chunks(report.sift(read_events(stream, bootstrap.now), file)):
                    deliver(chunk)
                    sent += len(chunk)
                    advance(len(chunk))
    _print(report, sent, as_json=as_json)
    if report.refused and not skip_bad:
        if not sent:
            errors.print("nothing was sent; --skip-bad sends the good ones")
        raise typer.Exit(1)


@contextlib.contextmanager
def _opened(file: str, *, again: bool = False) -> Iterator[BinaryIO]:
    """The file, which can be read twice if it is to be read `again`."""
    with contextlib.ExitStack() as stack:
        stream: BinaryIO = sys.stdin.buffer
        if file != "-":
            try:
                stream = stack.enter_context(Path(file).open("rb"))
            except OSError as error:
                raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from error
        if again and not stream.seekable():
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(stream, copy)
            copy.seek(0)
            stream = copy
        yield stream


def _check_way(url: str, key: str) -> None:
    """Raise BadParameter for what no server could make right, since one that fails is asked again.

    The key is not repeated.
    """
    try:
        http_url(url)
    except ValueError as error:
        raise typer.BadParameter(f"--url: {error}") from error
    if split_key(key) is None:
        raise typer.BadParameter(
            "the API takes a service key, qk_ID_SECRET and nothing else: set QUADRUPEL_SERVICE_KEY"
        )


@contextlib.contextmanager
def _way(url: str | None, key: str) -> Iterator[Deliver]:
    """How events get onto the bus: a function that returns when they are durable."""
    if url is None:
        with (
            contextlib.closing(bootstrap.open_bus(read_settings())) as bus,
            contextlib.closing(bus.producer()) as producer,
        ):
            yield producer.publish
        return
    stamina.instrumentation.set_on_retry_hooks([_say_that_it_waits])
    headers = {"authorization": f"Bearer {key}", "content-type": "application/x-ndjson"}
    with httpx.Client(base_url=url, headers=headers, timeout=REQUEST_SECONDS) as client:
        yield lambda chunk: _deliver(client, chunk)


@stamina.retry(on=BusUnavailable, attempts=None, timeout=PATIENCE_SECONDS, wait_max=10.0)
def _deliver(client: httpx.Client, chunk: list[Outgoing]) -> None:
    """Send one request; again and again while the API is away."""
    api = client.base_url.copy_with(userinfo=b"", query=None)  # without a password
    try:
        response = client.post("v1/events", content=b"\n".join(each.value for each in chunk))
    except httpx.TransportError as error:
        raise BusUnavailable(f"{api} does not answer: {error}") from error
    if response.status_code in (429, 502, 503, 504):
        raise BusUnavailable(f"{api} answers {response.status_code}")
    if not response.is_success:
        detail = response.text[:1000]
        raise InputRefused("refused", f"{api} answers {response.status_code}: {detail}")


def _say_that_it_waits(details: stamina.instrumentation.RetryDetails) -> None:
    errors.print(f"{details.caused_by}; tries again in {details.wait_for:.1f} s", markup=False)


def _print(report: Report, sent: int, *, as_json: bool) -> None:
    if as_json:
        bad = [dataclasses.asdict(each) for each in report.bad]
        counts = {"good": report.good, "refused": report.refused, "sent": sent}
        print_json({**counts, "bad": bad})
        return
    if report.refused > MAX_SHOWN:
        errors.print(f"... and {report.refused - MAX_SHOWN:,} more refused")
    console.print(f"{report.good:,} good, {report.refused:,} refused, {sent:,} sent")
