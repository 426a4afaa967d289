"""Logs and metrics. Nothing is configured at import: a process calls `configure_logs` once.

Logs are a sentence plus fields, on standard error. They carry user ids, never names, addresses
or attribute values.
"""

import logging
import sys
import time
from contextvars import ContextVar
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from quadrupel.core.errors import SettingRefused

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
_MESSAGES = (1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)

# Every metric, in the order of the flow; a redelivered message is counted again. First those of
# every stage that reads a topic; `evaluate` has two, `evaluate` and `evaluate ranges`.
STAGE_LAG = Gauge(
    "quadrupel_stage_lag", "Messages of its topic that the stage has not committed", ["stage"]
)
STAGE_BATCH_MESSAGES = Histogram(
    "quadrupel_stage_batch_messages", "Messages in one batch", ["stage"], buckets=_MESSAGES
)
STAGE_PHASE_SECONDS = Histogram(
    "quadrupel_stage_phase_seconds",
    "Seconds of one batch by phase: poll (of polls that found something), process, publish, commit;"
    " ingest also tells the parts of its process: decode, read, fold, write",
    ["stage", "phase"],
    buckets=_SECONDS,
)
STAGE_SECONDS_SINCE_BATCH = Gauge(
    "quadrupel_stage_seconds_since_batch",
    "Seconds since the stage finished a batch, or since it began",
    ["stage"],
)
STAGE_STUCK = Gauge(
    "quadrupel_stage_stuck",
    "1 while there is something to read and no batch was finished for 60 seconds",
    ["stage"],
)
STAGE_HALTED = Gauge(
    "quadrupel_stage_halted", "1 while the stage waits for an operator to resume it", ["stage"]
)
KAFKA_CLIENTS_REPLACED = Counter(
    "quadrupel_kafka_clients_replaced",
    "Clients of Kafka that heard nothing although Kafka answered, and were replaced",
    ["topic"],
)
DEAD_LETTERS = Counter(
    "quadrupel_dead_letters", "Messages put aside as dead letters", ["stage", "reason"]
)

# Ingest.
EVENTS_CONSUMED = Counter("quadrupel_events_consumed", "Events taken from the bus by ingest")
EVENTS_FOLDED = Counter("quadrupel_events_folded", "Events that changed a profile")
EVENTS_UNCHANGED = Counter(
    "quadrupel_events_unchanged",
    "Events that changed nothing: duplicates, and those that a later event had decided already",
)
EVENTS_LATE = Counter(
    "quadrupel_events_late", "Events that came more than a day after they became true"
)
PROFILES_WRITTEN = Counter("quadrupel_profiles_written", "Profiles saved by ingest")
USERS_ERASED = Counter("quadrupel_users_erased", "Erasures of users that took effect")
BANNER_FEEDBACK = Counter(
    "quadrupel_banner_feedback",
    "What citizens told of banners, by action: `seen`, `clicked`, `dismissed`; repetitions too",
    ["action"],
)
BANNER_FEEDBACK_IGNORED = Counter(
    "quadrupel_banner_feedback_ignored",
    "Feedback on banners beyond what is kept of one user",
)

# Evaluate.
RUN_USERS_EVALUATED = Counter("quadrupel_run_users_evaluated", "Users evaluated by runs")
RUN_PAGES_READ = Counter(
    "quadrupel_run_pages_read",
    "Pages of users read by runs: from `primary` or `replica`",
    ["source"],
)
RUN_WAITED_SECONDS = Counter(
    "quadrupel_run_waited_seconds", "Seconds that runs waited for what events change"
)
REPLICA_LAG_SECONDS = Gauge(
    "quadrupel_replica_lag_seconds",
    "Seconds after which the replica had what the primary had when the latest range was taken;"
    " NaN while it is not used",
)

# Schedule.
RULES_HELD = Gauge("quadrupel_rules_held", "Rules whose changes wait for an operator")
# Schedule, of the runs that have not ended.
RUN_USERS = Gauge("quadrupel_run_users", "Users of the run, counted at its start", ["run"])
RUN_USERS_DONE = Gauge(
    "quadrupel_run_users_done", "Users of the run that were evaluated or skipped", ["run"]
)
RUN_USERS_PER_SECOND = Gauge(
    "quadrupel_run_users_per_second", "Users per second of the run in the last minute", ["run"]
)
RUN_LATE = Gauge(
    "quadrupel_run_late", "1 while the run will not have finished by its deadline", ["run"]
)

# Publish.
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
MATCHES_WITHOUT_OFFER = Counter(
    "quadrupel_matches_without_offer", "Matches that wait, of rules that publish does not have"
)
RULE_ERRORS = Counter("quadrupel_rule_errors", "Evaluations in which a rule erred", ["rule"])

# Send.
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

# The API; its processes are served together, see `quadrupel.worker_metrics`.
WAITS = Counter(
    "quadrupel_banner_waits",
    "Reads of banners that asked for an event, by what came of it",
    ["outcome"],
)
API_QUERIES = Counter(
    "quadrupel_api_queries",
    "Questions of the API that a database answered: `primary` or `replica`",
    ["server"],
)
API_REPLICA_BEHIND_SECONDS = Gauge(
    "quadrupel_api_replica_behind_seconds",
    "How long ago the replica had everything, for all the API knows; NaN: nobody can tell",
    multiprocess_mode="livemax",
)
READS_REFUSED = Counter(
    "quadrupel_banner_reads_refused",
    "Reads of banners refused at once because more wait than can be answered soon",
)
LOOKS_WAITING = Gauge(
    "quadrupel_looks_waiting",
    "Looks at users that are not in the audit log yet",
    multiprocess_mode="livesum",
)
LOOKS_REFUSED = Counter(
    "quadrupel_looks_refused",
    "Requests with service keys refused because no more looks can be kept for the audit log",
)
RATE_LIMITED = Counter(
    "quadrupel_rate_limited",
    "Requests refused because their caller asked too often, by who that is: `citizen`, `key`",
    ["who"],
)
REFUSALS = Counter(
    "quadrupel_refusals",
    "Choices that were made by links in e-mails: `refused`, `wanted` again; repetitions too",
    ["action"],
)
STREAMS = Gauge(
    "quadrupel_banner_streams", "Streams of banners that are open", multiprocess_mode="livesum"
)
STREAMS_REFUSED = Counter(
    "quadrupel_banner_streams_refused",
    "Streams of banners refused at once: `process`, `user` have as many as they may",
    ["reason"],
)
STREAMS_ENDED = Counter(
    "quadrupel_banner_streams_ended",
    "Streams of banners that ended: `gone`, the caller left; `slow`, it took nothing for long;"
    " `expired`, its token did; `shutdown`, the process was stopped; `failed`",
    ["reason"],
)
STREAM_EVENTS = Counter(
    "quadrupel_banner_stream_events", "Events sent on streams of banners", ["event"]
)
PUBLISH_TO_STREAM_SECONDS = Histogram(
    "quadrupel_publish_to_stream_seconds",
    "From when publish had committed a banner set to when it was sent on a stream",
    buckets=(0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


request_id: ContextVar[str] = ContextVar("request_id")
"""The id of the request that is being answered, for the log: cheaper to set than a bound field."""


_level = logging.DEBUG


class Laps:
    """The phases of one batch: each ends where the next begins."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._began = time.perf_counter()

    def end(self, phase: str) -> None:
        """Observe the seconds since the last phase ended."""
        now = time.perf_counter()
        STAGE_PHASE_SECONDS.labels(self._stage, phase).observe(now - self._began)
        self._began = now


def configure_logs(style: Literal["auto", "text", "json"], level: str) -> None:
    """Send structured logs to standard error: as text for people or one JSON object a line."""
    global _level
    _level = logging.getLevelNamesMapping()[level.upper()]
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    renderer: structlog.types.Processor = structlog.processors.JSONRenderer()
    if as_text:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # It tells of each attempt to connect; who uses the pool tells once who is away, and why.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


def tells_debug() -> bool:
    """Whether lines of level debug are written: to ask costs less than to say one in vain."""
    return _level <= logging.DEBUG


def _add_request_id(
    _: object, __: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if found := request_id.get(None):
        line["request_id"] = found
    return line


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
