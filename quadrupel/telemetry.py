"""Logs and metrics. Nothing is configured at import: a process calls `configure_logs` once.

Logs are a sentence plus fields, on standard error. They carry user ids, never names, addresses
or attribute values.
"""

import logging
import sys
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from quadrupel.core.errors import SettingRefused

# Every metric, in the order of the flow.
EVENTS_CONSUMED = Counter("quadrupel_events_consumed", "Events taken from the bus by ingest")
EVENTS_DEAD = Counter("quadrupel_events_dead", "Events put aside as dead letters by ingest")
EVENTS_LATE = Counter(
    "quadrupel_events_late", "Events that came more than a day after they became true"
)
PROFILES_WRITTEN = Counter("quadrupel_profiles_written", "Profiles saved by ingest")
USERS_ERASED = Counter("quadrupel_users_erased", "Erasures of users that took effect")
EVALUATIONS_PUBLISHED = Counter(
    "quadrupel_evaluations_published", "Evaluations by what publish made of them", ["outcome"]
)
EVENT_TO_BANNER_SECONDS = Histogram(
    "quadrupel_event_to_banner_seconds",
    "From when the bus took an event to when the banner set that contains it was committed",
    buckets=(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
BANNER_SETS_CHANGED = Counter("quadrupel_banner_sets_changed", "Banner sets given a new version")
MATCHES_OPENED = Counter("quadrupel_matches_opened", "Matches opened, by rule", ["rule"])
MATCHES_CLOSED = Counter("quadrupel_matches_closed", "Matches closed, by rule", ["rule"])
RULE_ERRORS = Counter("quadrupel_rule_errors", "Evaluations in which a rule erred", ["rule"])
MESSAGES_SETTLED = Counter(
    "quadrupel_messages_settled",
    "Messages by what became of an attempt to hand them over",
    ["channel", "state"],
)
MESSAGES_LAPSED = Counter(
    "quadrupel_messages_lapsed", "Messages made unknown because their worker disappeared"
)
CHANNEL_FAILURES = Counter(
    "quadrupel_channel_failures", "Attempts a channel did not answer", ["channel"]
)
RUN_USERS_EVALUATED = Counter("quadrupel_run_users_evaluated", "Users evaluated by runs")
WAITS = Counter(
    "quadrupel_banner_waits",
    "Reads of banners that asked for an event, by what came of it",
    ["outcome"],
)
LAST_BATCH = Gauge(
    "quadrupel_last_batch_timestamp_seconds", "End of a stage's last batch", ["stage"]
)


def configure_logs(style: Literal["auto", "text", "json"], level: str) -> None:
    """Send structured logs to standard error: as text for people or one JSON object a line."""
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    renderer: structlog.types.Processor = structlog.processors.JSONRenderer()
    if as_text:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def serve_metrics(port: int) -> None:
    """Serve Prometheus metrics on the port until the process ends; 0: do not.

    Raises SettingRefused if the port is taken.
    """
    if not port:
        return
    try:
        start_http_server(port)
    except OSError as error:
        raise SettingRefused(f"QUADRUPEL_METRICS_PORT: cannot listen on {port}: {error}") from error
