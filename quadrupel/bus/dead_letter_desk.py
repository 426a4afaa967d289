"""The operator's desk: look at dead letters, and decide about them.

The topic of dead letters is the truth and is never rewritten: a decision is a message on it, behind
the letter it is about. A letter is known by the position of its input, which may be put aside more
than once, when its batch was delivered again; a decision about a position is about all of these.

Reading takes two passes: one that notes, for each position that is wanted, a few numbers (some
200 bytes) and no letter, and one that shows the letters, one at a time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from quadrupel.bus import codec
from quadrupel.bus.codec import DEAD_LETTER_KEY_BYTES, DeadLetter, Decision
from quadrupel.bus.topics import DEAD_LETTERS, LANES
from quadrupel.core.errors import InputRefused
from quadrupel.core.lifecycle import USER_ERASED
from quadrupel.core.ports import Admin, Outgoing, Producer

CHUNK = 500
CHUNK_BYTES = 8 * 1024 * 1024
"""Replayed together are at most so many letters, and no more once they have so many bytes."""

_NOBODY = "quadrupel.nobody"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters; a part that is None or empty takes any."""

    positions: frozenset[str] = frozenset()
    reason: str | None = None
    stage: str | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether the letter is one of them."""
        return (
            self.reason in (None, letter.reason)
            and self.stage in (None, letter.stage)
            and (not self.positions or letter.position in self.positions)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A dead letter, the key of its message, how often it was put aside, and what was decided."""

    letter: DeadLetter
    key: bytes
    times: int
    decision: Decision | None

    @property
    def obstacle(self) -> str | None:
        """Why the input cannot be replayed; None if it can."""
        letter = self.letter
        if letter.reason == USER_ERASED:
            return "its user was erased, so it was not kept"
        if letter.size > len(letter.body):
            return f"only the first {len(letter.body):,} of its {letter.size:,} bytes were kept"
        if letter.key is not None and len(letter.key) >= DEAD_LETTER_KEY_BYTES:
            return "only the start of its key was kept"
        if letter.topic not in {lane.topic for lane in LANES}:
            return "no stage reads its topic"
        return None

    @property
    def original(self) -> Outgoing:
        """The input as it was; one without a key is given the key of its dead letter."""
        key = self.letter.key if self.letter.key is not None else self.key
        return Outgoing(self.letter.topic, key, self.letter.body)


@dataclass(slots=True)
class Survey:
    """What is noted of the letters that are `wanted`, and of all that is on the topic.

    `reasons` and `stages` are those of all letters. `unreadable` counts the messages that are
    neither letters nor decisions: a foreign client wrote them.
    """

    wanted: Wanted
    times: dict[str, int] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)
    unreadable: int = 0

    @property
    def undecided(self) -> int:
        """How many of the wanted letters nobody has decided about."""
        return len(self.times.keys() - self.decisions.keys())

    def note(self, found: DeadLetter | Decision) -> None:
        """Take note of the next message of the topic."""
        if isinstance(found, Decision):
            self.decisions[found.position] = found
            return
        self.reasons.add(found.reason)
        self.stages.add(found.stage)
        if self.wanted.takes(found):
            self.times[found.position] = self.times.get(found.position, 0) + 1


def survey(admin: Admin, wanted: Wanted) -> Survey:
    """Make the first pass."""
    noted = Survey(wanted)
    for message in admin.browse(DEAD_LETTERS):
        try:
            noted.note(codec.read_dead_letter_or_decision(message))
        except InputRefused:
            noted.unreadable += 1
    return noted


def entries(admin: Admin, noted: Survey, *, decided: bool = False) -> Iterator[Entry]:
    """The letters that were noted, each once, those of a partition in their order.

    Those that were decided about only if `decided`.
    """
    left = dict(noted.times)
    for message in admin.browse(DEAD_LETTERS):
        try:
            letter = codec.read_dead_letter(message)
        except InputRefused:
            continue
        times, decision = left.pop(letter.position, 0), noted.decisions.get(letter.position)
        if times and (decided or decision is None):
            yield Entry(letter, message.key or b"", times, decision)


def replay(producer: Producer, chosen: Iterable[Entry], at: datetime) -> Iterator[int]:
    """Publish inputs again, then that it was done; yields how many, a chunk at a time.

    What a crash leaves between the two is replayed again by the next call, which changes nothing:
    every reader is idempotent. None of them may have an obstacle.
    """
    for chunk in _chunks(chosen):
        producer.publish([entry.original for entry in chunk])
        producer.publish([_decision(entry, "replayed", at) for entry in chunk])
        yield len(chunk)


def drop(producer: Producer, chosen: Iterable[Entry], at: datetime) -> Iterator[int]:
    """Write down that the letters are of no use; yields how many, a chunk at a time."""
    for chunk in _chunks(chosen):
        producer.publish([_decision(entry, "dropped", at) for entry in chunk])
        yield len(chunk)


def count_undecided(admin: Admin, most: int) -> int | None:
    """How many letters wait for a decision; None if the topic has more than `most` messages."""
    if admin.progress(DEAD_LETTERS, _NOBODY).lag > most:
        return None
    return survey(admin, Wanted()).undecided


def _decision(entry: Entry, made: Literal["replayed", "dropped"], at: datetime) -> Outgoing:
    return codec.decision(Decision(made, entry.letter.position, at), entry.key)


def _chunks(chosen: Iterable[Entry]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    size = 0
    for entry in chosen:
        chunk.append(entry)
        size += len(entry.letter.body)
        if len(chunk) == CHUNK or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
