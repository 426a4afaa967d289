"""Putting aside what can never be applied: a dead letter, a line in the log, and a count."""

import structlog

from quadrupel.bus import codec
from quadrupel.core.errors import InputRefused
from quadrupel.core.ports import Message, Outgoing
from quadrupel.telemetry import DEAD_LETTERS

Refused = tuple[Message, InputRefused]
"""A message, and what is wrong with it."""

log = structlog.get_logger()


def put_aside(stage: str, message: Message, error: InputRefused) -> Outgoing:
    """The dead letter of a message that a stage refused, to be published with what it makes."""
    log.warning(
        "put aside",
        stage=stage,
        reason=error.reason,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
    )
    DEAD_LETTERS.labels(stage, error.reason).inc()
    return codec.dead_letter(stage, message, error)
