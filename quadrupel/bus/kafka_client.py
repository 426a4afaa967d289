"""What every Kafka client of ours shares: where the broker is, its log lines, its errors."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import confluent_kafka
import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from quadrupel.core.errors import BusUnavailable, SettingRefused, TopicRefused
from quadrupel.core.ports import Message

from .topics import missing_topic

log = structlog.get_logger(__name__)

Setting = str | int | bool

FIRST_TIME = datetime(1970, 1, 1, tzinfo=UTC)
LAST_TIME = datetime(2100, 1, 1, tzinfo=UTC)
"""No message has a time before the one or after the other, whatever its producer says."""

MISSING_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - confluent-kafka names librdkafka's own errors so
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}

TURNED_AWAY = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - its public name
    KafkaError._SSL,  # noqa: SLF001 - its public name
}
"""There is a broker, and it and the client do not come to terms about TLS or the login."""

FRESH = 30.0
"""For how many seconds that is told as what is wrong: the login may be put right on the broker."""

FETCH_AHEAD_KILOBYTES = 16 * 1024
FETCH_BYTES = 4 * 1024 * 1024
"""What one reader holds in memory before it is asked for, and how much it fetches at a time."""

CONNECTION_FACILITIES = {"FAIL", "ERROR", "CONNECT", "REQTMOUT", "TIMEOUT", "GETPID"}


@dataclass(slots=True)
class _TurnedAway:
    """The latest time at which a broker or the client refused the other one, and its error."""

    at: float = -FRESH
    error: KafkaError | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach a Kafka cluster, and how many seconds to wait for an answer.

    `client` are further settings of librdkafka, such as those of TLS.
    """

    bootstrap: str
    timeout: float
    client: Mapping[str, str] = field(default_factory=dict, repr=False)
    _turned_away: _TurnedAway = field(default_factory=_TurnedAway, compare=False)

    def check(self) -> None:
        """Raise SettingRefused when librdkafka does not take `client`. Waits for nobody."""
        if not self.client:
            return
        try:
            AdminClient(self.settings(), logger=LibraryLog())
        except KafkaException as failure:
            raise SettingRefused(
                f"QUADRUPEL_KAFKA_CLIENT is wrong: {reason(failure).str()}"
            ) from None

    def settings(
        self, on_error: Callable[[KafkaError], None] = lambda _: None, **settings: Setting
    ) -> dict[str, Any]:
        """The settings of one client; `_` in a name stands for `.`.

        `on_error` is told of errors that are no answer to a call, such as lost connections.
        """

        def told(error: KafkaError) -> None:
            if error.code() in TURNED_AWAY:
                self._turned_away.at, self._turned_away.error = time.monotonic(), error
            on_error(error)

        named = {name.replace("_", "."): value for name, value in settings.items()}
        return {
            "bootstrap.servers": self.bootstrap,
            "socket.timeout.ms": int(min(10.0, max(2.0, self.timeout)) * 1000),
            "reconnect.backoff.max.ms": 1_000,
            "allow.auto.create.topics": False,
            "error_cb": told,
            **self.client,
            **named,
        }

    def answers(self, topic: str, timeout: float) -> bool:
        """Whether the brokers answer a new client, which has forgotten nothing and no one."""
        client = AdminClient(self.settings(), logger=LibraryLog())
        try:
            client.list_topics(topic, timeout=timeout)
        except KafkaException:
            return False
        return True

    def unavailable(self, doing: str, error: KafkaError) -> BusUnavailable:
        """The error to raise when the cluster failed while `doing` something."""
        if self._turned_away.error and time.monotonic() - self._turned_away.at < FRESH:
            error = self._turned_away.error
        return BusUnavailable(
            f"Kafka at {self.bootstrap} failed while {doing}: {error.str()}; check that it runs,"
            " can be reached from here, and wants the TLS and the login of QUADRUPEL_KAFKA_CLIENT",
            login_refused=error.code() == KafkaError._AUTHENTICATION,  # noqa: SLF001 - its public name
        )

    def refusal(self, topic: str, doing: str, error: KafkaError) -> BusUnavailable | TopicRefused:
        """`unavailable`, unless the error is that the topic does not exist."""
        if error.code() in MISSING_TOPIC:
            return missing_topic(topic)
        return self.unavailable(doing, error)


def from_kafka(raw: confluent_kafka.Message, topic: str) -> Message:
    """The message, of that topic, as the port has it. A foreign client's null value is empty."""
    fields = (
        topic,
        raw.partition() or 0,
        raw.offset() or 0,
        raw.key(),
        raw.value() or b"",
        _time(raw.timestamp()[1]),
    )
    # What Message(*fields) does, without the call of a Python function for each message.
    return tuple.__new__(Message, fields)


@lru_cache(maxsize=1024)
def _time(milliseconds: int) -> datetime:
    """The time a broker gave a message: the same for the many that it took together.

    In a topic with the times of producers it may be any number, or -1 for none: no message may stop
    whoever reads it, so what no message can have is the nearest time that one can.
    """
    earliest, latest = FIRST_TIME.timestamp(), LAST_TIME.timestamp()
    return datetime.fromtimestamp(min(max(milliseconds / 1000, earliest), latest), UTC)


def reason(failure: KafkaException) -> KafkaError:
    """The one error inside an exception of confluent-kafka."""
    error: KafkaError = failure.args[0]
    return error


class LibraryLog:
    """Takes librdkafka's log lines, which would go to standard error, into the project's log.

    Lost connections are details: librdkafka tries again and our callers get BusUnavailable.
    """

    def log(self, level: int, pattern: str, *arguments: object) -> None:
        """Called by confluent-kafka, with the arguments of `logging.Logger.log`."""
        detail = not arguments or arguments[0] in CONNECTION_FACILITIES
        log.log(logging.DEBUG if detail else level, "Kafka's client says", text=pattern % arguments)
