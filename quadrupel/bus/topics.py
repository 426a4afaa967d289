"""The topics between the stages, the groups that read them, and what both buses hold of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quadrupel.core.errors import InputRefused, TopicRefused
from quadrupel.core.ports import Outgoing, Topic

EVENTS = "quadrupel.events"
PROFILES = "quadrupel.profiles"
RANGES = "quadrupel.ranges"
VERDICTS = "quadrupel.verdicts"
MESSAGES = "quadrupel.messages"
DEAD_LETTERS = "quadrupel.dead-letters"

INGEST_GROUP = "quadrupel.ingest"
EVALUATE_PROFILES_GROUP = "quadrupel.evaluate.profiles"
EVALUATE_RANGES_GROUP = "quadrupel.evaluate.ranges"
PUBLISH_GROUP = "quadrupel.publish"
SEND_GROUP = "quadrupel.send"


@dataclass(frozen=True, slots=True)
class Lane:
    """A way of messages into a stage: the topic, and the group that reads it."""

    stage: str
    topic: str
    group: str


INGEST = Lane("ingest", EVENTS, INGEST_GROUP)
EVALUATE = Lane("evaluate", PROFILES, EVALUATE_PROFILES_GROUP)
EVALUATE_RANGES = Lane("evaluate ranges", RANGES, EVALUATE_RANGES_GROUP)
PUBLISH = Lane("publish", VERDICTS, PUBLISH_GROUP)
SEND = Lane("send", MESSAGES, SEND_GROUP)
LANES = (INGEST, EVALUATE, EVALUATE_RANGES, PUBLISH, SEND)
"""Every topic that is read, in the order of the flow."""
OF_EVENTS = (INGEST, EVALUATE)
"""The lanes that events alone come through, before what they change meets what runs say."""

MESSAGE_LIMIT = 2 * 1024 * 1024
"""The most bytes that key and value of one message may have together."""


def topics(partitions: int) -> list[Topic]:
    """Every topic of the flow, each with `partitions` partitions."""
    names = (EVENTS, PROFILES, RANGES, VERDICTS, MESSAGES, DEAD_LETTERS)
    return [Topic(name, partitions) for name in names]


def check_partitions(wanted: Sequence[Topic], found: Mapping[str, int]) -> None:
    """Compare with the number of partitions `found` per existing topic; raises TopicRefused."""
    missing = [topic.name for topic in wanted if topic.name not in found]
    different = [
        f"{topic.name} has {found[topic.name]} partitions, not {topic.partitions}"
        for topic in wanted
        if found.get(topic.name, topic.partitions) != topic.partitions
    ]
    problems = []
    if missing:
        problems.append(f"missing topics: {', '.join(missing)}; run `quadrupel bus create`")
    if different:
        problems.append(
            f"{', '.join(different)}; the partitions of a topic never change: set their number "
            "to what exists, or delete the topic when it is empty and run `quadrupel bus create`"
        )
    if problems:
        raise TopicRefused(". ".join(problems))


def missing_topic(topic: str) -> TopicRefused:
    """The error of using a topic that does not exist."""
    return TopicRefused(f"missing topic: {topic}; run `quadrupel bus create`")


def check_sizes(messages: Sequence[Outgoing]) -> None:
    """Raise InputRefused for a message that no bus takes, before any of them is sent."""
    for message in messages:
        size = len(message.key) + len(message.value)
        if size > MESSAGE_LIMIT:
            raise InputRefused(
                "too-large", f"a message for {message.topic} has {size} of {MESSAGE_LIMIT} bytes"
            )
