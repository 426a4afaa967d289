"""A member of a group as a process of its own, for tests that kill it or measure its memory.

    member.py hold BUS TOPIC GROUP COUNT      poll COUNT messages, say so, commit them when told to
    member.py drain BUS TOPIC GROUP COUNT     poll and commit COUNT messages, print the peak memory

BUS is `kafka:` and a bootstrap address, or a database URL.
"""

import logging
import sys
import time

import psutil
import structlog

from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.errors import AssignmentLost, BusUnavailable
from quadrupel.core.ports import Bus, Consumer


def open_bus(name: str) -> Bus:
    if name.startswith("kafka:"):
        return KafkaBus(name.removeprefix("kafka:"), session_timeout=1.5, poll_timeout=30.0)
    return PostgresBus(name)


def main() -> None:
    mode, name, topic, group, count = sys.argv[1:]
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent)
    process = psutil.Process()
    consumer = open_bus(name).consumer(topic, group)
    seen = peak = 0
    while seen < int(count):
        seen += len(consumer.poll(10_000, timeout=1.0))
        peak = max(peak, process.memory_info().rss)
        if mode == "drain":
            consumer.commit()
    if mode == "hold":
        say("holding")
        sys.stdin.readline()
        say(commit(consumer))
    else:
        say(str(peak))
    consumer.close()


def commit(consumer: Consumer) -> str:
    """What became of the commit, when it is certain."""
    while True:
        try:
            consumer.commit()
        except BusUnavailable:
            time.sleep(0.1)
        except AssignmentLost:
            return "AssignmentLost"
        else:
            return "committed"


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
