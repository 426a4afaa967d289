"""Workers of ingest that are asked to leave, by SIGTERM, while there is much to do.

They finish or roll back within 30 seconds, and nothing is delivered again: what is acknowledged is
exactly what the table holds.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

import confluent_kafka
import pytest
from prometheus_client.parser import text_string_to_metric_families

from quadrupel.bus import topics
from quadrupel.bus.event_codec import decode_event
from quadrupel.core.ports import Message
from quadrupel.core.profiles import Feeds

from .flow import DUPLICATES, Flow, differences, folded, lives, told
from .nest import wait_for

EVENTS = 12_000


@contextmanager
def ingest(flow: Flow, metrics_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`quadrupel ingest`, as it is shipped."""
    settings = flow.settings.model_dump(mode="json", exclude_unset=True)
    environment = {f"QUADRUPEL_{name.upper()}": str(value) for name, value in settings.items()}
    arguments = ["ingest", "--metrics-port", str(metrics_port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "quadrupel", *arguments], env=os.environ | environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def leave(process: subprocess.Popen[bytes]) -> None:
    """Ask it to leave; it does, in time, and says that all is well."""
    began = time.monotonic()
    process.terminate()
    assert process.wait(40) == 0
    assert time.monotonic() - began < 30


def acknowledged(flow: Flow) -> Mapping[int, int]:
    """Per partition the offset that comes next for ingest; negative where there is none."""
    if flow.settings.kafka_bootstrap is None:
        return dict(
            flow.query(
                """SELECT c.partition, c.next_offset FROM bus.commits c
                   JOIN bus.groups g ON g.id = c.group_id WHERE g.name = %s""",
                topics.INGEST_GROUP,
            )
        )
    asker = confluent_kafka.Consumer(
        {"bootstrap.servers": flow.settings.kafka_bootstrap, "group.id": topics.INGEST_GROUP}
    )
    asked = [
        confluent_kafka.TopicPartition(topics.EVENTS, number)
        for number in range(flow.settings.partitions)
    ]
    found = {each.partition: each.offset for each in asker.committed(asked, 10)}
    asker.close()
    return found


def metrics(port: int) -> Mapping[str, float]:
    """The counters that a process shows."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            sample.name.removeprefix("quadrupel_"): sample.value
            for family in families
            for sample in family.samples
            if not sample.labels
        }


def repetitions(first: Iterable[Message], then: Iterable[Message]) -> int:
    """How many of the messages that came then carry an event that was there before."""
    seen = set()
    repeated = 0
    for number, message in [*((0, each) for each in first), *((1, each) for each in then)]:
        event = decode_event(message.value)
        if (event.source, event.id) in seen:
            repeated += number
        seen.add((event.source, event.id))
    return repeated


def check_leaving(flow: Flow, metrics_port: int) -> None:
    once = lives(EVENTS, 7)
    again = once[:: round(1 / DUPLICATES)]
    flow.publish([*once, *again])
    with ingest(flow, metrics_port) as process:
        wait_for(lambda: flow.progress().committed > 0)
        leave(process)
    progress = flow.progress()
    assert 0 < progress.committed < progress.end
    assert progress.members == 0
    following = acknowledged(flow)
    arrived = flow.arrived()
    done = [each for each in arrived if each.offset < following.get(each.partition, 0)]
    rest = [each for each in arrived if each.offset >= following.get(each.partition, 0)]
    expected = folded(done, Feeds(flow.rules.schema))
    assert differences(told(flow.saved()), told(expected)) == {}

    with ingest(flow, metrics_port) as successor:
        wait_for(lambda: flow.progress().lag == 0)
        counted = metrics(metrics_port)
        leave(successor)
    assert counted["events_consumed_total"] == len(rest)
    repeated = repetitions(done, rest)
    assert counted["events_unchanged_total"] == repeated
    assert counted["events_folded_total"] == len(rest) - repeated
    flow.check()


@pytest.mark.kafka
def test_a_worker_asked_to_leave_leaves_nothing_to_deliver_again_on_kafka(
    kafka_flow: Flow, kafka_script: ModuleType
) -> None:
    check_leaving(kafka_flow, kafka_script.free_port())


def test_a_worker_asked_to_leave_leaves_nothing_to_deliver_again_on_the_postgres_bus(
    postgres_flow: Flow, kafka_script: ModuleType
) -> None:
    check_leaving(postgres_flow, kafka_script.free_port())
