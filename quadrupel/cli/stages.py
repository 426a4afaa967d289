"""`quadrupel ingest|evaluate|publish|send|schedule`: one stage in this process."""

from typing import Annotated

import typer

from quadrupel import bootstrap, supervisor, telemetry
from quadrupel.config import read_settings

MetricsPort = Annotated[
    int | None, typer.Option(help="Serve Prometheus metrics on this port; else the setting.")
]


def ingest(metrics_port: MetricsPort = None) -> None:
    """Run ingest: events into profiles. As many of it as the topic has partitions can run."""
    _run("ingest", metrics_port)


def evaluate(metrics_port: MetricsPort = None) -> None:
    """Run evaluate: the rules for changed profiles at once, and for the ranges of runs."""
    _run("evaluate", metrics_port)


def publish(metrics_port: MetricsPort = None) -> None:
    """Run publish: verdicts into banner sets, matches and messages."""
    _run("publish", metrics_port)


def send(metrics_port: MetricsPort = None) -> None:
    """Run send: hand messages over to the mail server and to webhooks."""
    _run("send", metrics_port)


def schedule(metrics_port: MetricsPort = None) -> None:
    """Run schedule: start one run every night at QUADRUPEL_NIGHT_AT. Several may run."""
    _run("schedule", metrics_port)


COMMANDS = (ingest, evaluate, publish, send, schedule)


def _run(stage: str, metrics_port: int | None) -> None:
    settings = read_settings(metrics_port=metrics_port)
    telemetry.configure_logs(settings.log_format, settings.log_level)
    bootstrap.STAGES[stage](settings, supervisor.stop_on_signals())
