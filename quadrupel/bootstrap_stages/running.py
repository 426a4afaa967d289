"""What the modules of stages share: how the loop of a stage is run on connected parts."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from quadrupel import bootstrap, memory, telemetry
from quadrupel.bootstrap import Parts
from quadrupel.bus import topics
from quadrupel.config import Settings
from quadrupel.core.ports import Bus, Progress
from quadrupel.stages import loop
from quadrupel.stages.pulse import Pulse
from quadrupel.stages.starting import once_there
from quadrupel.store.database import STAGE


def open_parts(
    settings: Settings, stop: threading.Event
) -> contextlib.AbstractContextManager[Parts]:
    """The parts of a stage, once the database and the bus are there: see `once_there`."""
    return bootstrap.open_parts(settings, STAGE, once=partial(once_there, stop=stop))


def run_plain(
    parts: Parts,
    lane: topics.Lane,
    process: loop.Process,
    stop: threading.Event,
    idle: loop.Idle = lambda: None,
) -> None:
    """Run a stage that has nothing of its own but what it does with a batch."""
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        size = parts.settings.batch_size
        stage = loop.Stage(lane.stage, consumer, parts.producer, process, size, idle)
        run(parts, lane, stage, stop)


def run(parts: Parts, lane: topics.Lane, stage: loop.Stage, stop: threading.Event) -> None:
    """Run a stage that has the process for itself."""
    telemetry.serve_metrics(parts.settings.metrics_port)
    memory.keep(memory.STAGE)
    run_lane(parts, lane, stage, stop)


def run_lane(parts: Parts, lane: topics.Lane, stage: loop.Stage, stop: threading.Event) -> None:
    """Run the loop with its pulse, which is felt only where metrics are served."""
    pulse = Pulse(lane.stage, _lag(parts.bus, lane))
    with pulse.watched() if parts.settings.metrics_port else contextlib.nullcontext():
        loop.run(replace(stage, beat=pulse.beat), stop)


def _lag(bus: Bus, lane: topics.Lane) -> Callable[[], int]:
    """What tells how many messages a lane has not read."""
    told = progress(bus, lane)
    return lambda: told().lag


def progress(bus: Bus, lane: topics.Lane) -> Callable[[], Progress]:
    """What tells how far a lane is."""
    admin = bus.admin()
    return lambda: admin.progress(lane.topic, lane.group, members=False)


def worker() -> str:
    """The name of this process among those that share the work."""
    return f"{socket.gethostname()}:{os.getpid()}"
