"""The wire forms of what Quadrupel's own topics carry: JSON objects.

Events have their own, `event_codec`. Every reader refuses what it cannot read with InputRefused
(`bad-message`), and what the database would: topics can be written by others, so nothing on them is
trusted, and one message that no transaction can save would be read again and again.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeVar

import msgspec

from quadrupel.bus.topics import DEAD_LETTERS, PROFILES, RANGES, VERDICTS
from quadrupel.core.errors import EventRefused, InputRefused
from quadrupel.core.events import YEARS, check_user_id
from quadrupel.core.feedback import MAX_EPISODE
from quadrupel.core.lifecycle import USER_ERASED
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.positions import Cause
from quadrupel.core.verdicts import Evaluation


class ChangedProfile(msgspec.Struct, frozen=True):
    """A user to evaluate at once, on the user's day or on `as_of` if that is later, and why."""

    user_id: str
    as_of: date | None = None
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class RangeTask:
    """A range of a run to evaluate; its limits are in the ledger."""

    run: str
    number: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An input that can never be applied: why, where it was, and its original bytes.

    `size` is their number; of more than DEAD_LETTER_BYTES, `body` has only the first. An event
    that an erasure keeps out leaves no bytes, neither as body nor as key.
    """

    stage: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    size: int
    body: bytes
    first_seen: datetime

    @property
    def position(self) -> str:
        """Where the input was: the name of the letter, the same however often it is put aside."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator did with the dead letter of a position, and when."""

    decision: Literal["replayed", "dropped"]
    position: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Kind:
    decision: str | None = None


DEAD_LETTER_BYTES = 1024 * 1024
"""More than any input of ours may have, and in base64 still less than a message may have."""

DEAD_LETTER_KEY_BYTES = 1024
"""Of a longer key, which none of ours is, a dead letter has only the first."""

_Wire = TypeVar("_Wire")


def changed_profile(
    user_id: str, as_of: date | None = None, cause: Cause | None = None
) -> Outgoing:
    """Ask evaluate to look at the user at once."""
    return Outgoing(PROFILES, user_id.encode(), _encode(ChangedProfile(user_id, as_of, cause)))


def read_changed_profile(message: Message) -> ChangedProfile:
    """Decode a message of the topic of changed profiles, of a user that there can be."""
    changed = _decode(message, ChangedProfile)
    _check_user(message, changed.user_id)
    return changed


def range_task(task: RangeTask) -> Outgoing:
    """Ask evaluate to work through a range. Ranges are spread over partitions by their number."""
    return Outgoing(RANGES, f"{task.run}/{task.number}".encode(), _encode(task))


def read_range_task(message: Message) -> RangeTask:
    """Decode a message of the topic of ranges, of one that there can be."""
    task = _decode(message, RangeTask)
    if not task.run.isprintable() or not 0 <= task.number < 2**31:
        raise _refusal(message, "there is no such range")
    return task


def verdicts(evaluation: Evaluation) -> Outgoing:
    """Hand an evaluation to publish."""
    return Outgoing(VERDICTS, evaluation.user_id.encode(), _encode(evaluation))


def read_verdicts(message: Message) -> Evaluation:
    """Decode a message of the topic of verdicts, of what publish can weigh and save."""
    evaluation = _decode(message, Evaluation)
    _check_user(message, evaluation.user_id)
    problem = _problem(evaluation)
    # In JSON a NUL is written with a backslash, which is looked for in no time and rarely there.
    if problem is None and b"\\" in message.value and _has_nul(evaluation):
        problem = "a text has a NUL"
    if problem is not None:
        raise _refusal(message, problem)
    return evaluation


def dead_letter(stage: str, message: Message, error: InputRefused) -> Outgoing:
    """Put a refused message aside, with everything needed to understand and replay it.

    What an erasure keeps out must not be kept here instead: that can be understood, not replayed.
    """
    key, body = message.key, message.value
    if error.reason == USER_ERASED:
        key, body = None, b""
    letter = DeadLetter(
        stage=stage,
        reason=error.reason,
        detail=error.detail,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=None if key is None else key[:DEAD_LETTER_KEY_BYTES],
        size=len(message.value),
        body=body[:DEAD_LETTER_BYTES],
        first_seen=message.timestamp,
    )
    return Outgoing(DEAD_LETTERS, letter.key or letter.position.encode(), _encode(letter))


def read_dead_letter(message: Message) -> DeadLetter:
    """Decode a dead letter."""
    return _decode(message, DeadLetter)


def decision(decision: Decision, key: bytes) -> Outgoing:
    """Write down a decision behind its letter, whose message has this key."""
    return Outgoing(DEAD_LETTERS, key, _encode(decision))


def read_dead_letter_or_decision(message: Message) -> DeadLetter | Decision:
    """Decode a message of the topic of dead letters, which has both."""
    if _decode(message, _Kind).decision is None:
        return read_dead_letter(message)
    return _decode(message, Decision)


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def _decode(message: Message, type_: type[_Wire]) -> _Wire:
    try:
        return msgspec.json.decode(message.value, type=type_)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _refusal(message, error) from error


def _check_user(message: Message, user_id: str) -> None:
    try:
        check_user_id(user_id)
    except EventRefused as error:
        raise _refusal(message, error) from error


def _problem(evaluation: Evaluation) -> str | None:
    """What an evaluation has that none of ours can have; texts may still have a NUL."""
    if not evaluation.rule_set.isprintable():
        return "the rule set is not named by a hash"
    at = evaluation.evaluated_at
    if at.tzinfo is None or at.year not in YEARS:
        return "the time of evaluation has no offset, or is of no time of ours"
    if not 0 <= evaluation.profile_version < 2**63:
        return "there is no such version of a profile"
    before = ""
    for found in evaluation.matches:
        if found.rule <= before:
            return "the matches are not in the order of their rules, each of which has one"
        before, episode = found.rule, found.once_per
        if episode and len(episode) > MAX_EPISODE:
            return f"an episode has a name of more than {MAX_EPISODE} characters"
    return None


def _has_nul(evaluation: Evaluation) -> bool:
    return any(
        "\0" in text
        for found in evaluation.matches
        for text in (found.rule, found.once_per or "", *found.values, *found.values.values())
    )


def _refusal(message: Message, error: Exception | str) -> InputRefused:
    return InputRefused("bad-message", f"not a message of {message.topic}: {error}")
