"""`quadrupel ingest|evaluate|publish|send|schedule`: one stage in this process."""

import contextlib
import importlib
from enum import StrEnum
from typing import Annotated

import typer

from quadrupel import bootstrap, supervisor, telemetry
from quadrupel.bus import topics
from quadrupel.config import Settings, read_settings
from quadrupel.core.errors import NotFound
from quadrupel.stages.starting import Stopped

MetricsPort = Annotated[
    int | None, typer.Option(help="Serve Prometheus metrics on this port; else the setting.")
]


Resume = Annotated[
    bool, typer.Option("--resume", help="If ingest was halted, let it go on, in every process.")
]


class EvaluateLane(StrEnum):
    """What one process of evaluate works on."""

    BOTH = "both"
    PROFILES = "profiles"
    RANGES = "ranges"


def ingest(metrics_port: MetricsPort = None, resume: Resume = False) -> None:
    """Run ingest: events into profiles. As many of it as the topic has partitions can run.

    Examples:
      quadrupel ingest
      quadrupel ingest --resume

    When most of what comes in is garbage, ingest halts, in every process: then mend the source, or
    see with `quadrupel status` what halted it, and start with --resume, once.
    """
    if resume:
        resume_ingest(read_settings())
    _run("ingest", metrics_port)


def resume_ingest(settings: Settings) -> None:
    """Let ingest go on if it was halted."""
    with contextlib.suppress(NotFound):
        bootstrap.resume(settings, topics.INGEST.stage)


def evaluate(
    metrics_port: MetricsPort = None,
    lane: Annotated[
        EvaluateLane, typer.Option(help="What to evaluate: changed profiles, ranges of runs.")
    ] = EvaluateLane.BOTH,
) -> None:
    """Run evaluate: the rules for changed profiles at once, and for the ranges of runs.

    Examples:
      quadrupel evaluate --lane profiles
      quadrupel evaluate --lane ranges --metrics-port 9101

    Give each lane a process (--lane profiles, --lane ranges): changed profiles then take no turns
    with a night, and go first where both want the processor.
    """
    _run("evaluate", metrics_port, "run" if lane is EvaluateLane.BOTH else f"run_{lane}")


def publish(metrics_port: MetricsPort = None) -> None:
    """Run publish: verdicts into banner sets, matches and messages.

    Example:
      quadrupel publish --metrics-port 9102
    """
    _run("publish", metrics_port)


def send(metrics_port: MetricsPort = None) -> None:
    """Run send: hand messages over to the mail server and to webhooks.

    Example:
      quadrupel send

    New and changed templates of e-mails are used a second later, without a restart.
    """
    _run("send", metrics_port)


def schedule(metrics_port: MetricsPort = None) -> None:
    """Run schedule: start a run every night for each time zone that users have.

    Example:
      quadrupel schedule

    It starts when it is QUADRUPEL_NIGHT_AT there. Users without a zone have QUADRUPEL_TIME_ZONE.
    Several may run.
    """
    _run("schedule", metrics_port)


def _run(stage: str, metrics_port: int | None, how: str = "run") -> None:
    settings = read_settings(metrics_port=metrics_port)
    telemetry.configure_logs(settings.log_format, settings.log_level)
    stop = supervisor.stop_on_signals()
    supervisor.end_in_time(stop)
    run = getattr(importlib.import_module(f"quadrupel.bootstrap_stages.{stage}"), how)
    with contextlib.suppress(Stopped):
        run(settings, stop)
