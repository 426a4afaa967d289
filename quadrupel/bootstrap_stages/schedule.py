"""Builds and runs schedule."""

import threading
from datetime import timedelta

from quadrupel import telemetry
from quadrupel.bootstrap import Parts, now
from quadrupel.bootstrap_stages import running
from quadrupel.config import Settings
from quadrupel.stages.schedule import Schedule
from quadrupel.stages.upkeep import forget_lists, forget_looks


def run(settings: Settings, stop: threading.Event) -> None:
    """Run schedule until `stop` is set."""
    with running.open_parts(settings, stop) as parts:
        telemetry.serve_metrics(settings.metrics_port)
        run_on(parts, stop)


def run_on(parts: Parts, stop: threading.Event) -> None:
    """Run schedule on these parts until `stop` is set."""
    settings = parts.settings

    def upkeep(stopped: threading.Event) -> None:
        forget_looks(parts.engine, now() - timedelta(days=settings.audit_days), stopped)
        forget_lists(parts.engine, stopped)

    Schedule(
        parts.engine,
        parts.producer,
        parts.live.look,
        settings.range_size,
        settings.night_at,
        settings.zone,
        now,
        settings.morning,
        upkeep=upkeep,
    ).run(stop)
