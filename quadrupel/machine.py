"""Everything on one machine: a database if none is given, the set-up, and every process."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quadrupel import bootstrap, embedded
from quadrupel.config import Settings, read_settings
from quadrupel.supervisor import Child, Supervisor

STAGES: Mapping[str, Sequence[str]] = {
    "ingest": ["ingest"],
    "evaluate": ["evaluate", "--lane", "profiles"],
    "evaluate ranges": ["evaluate", "--lane", "ranges"],
    "publish": ["publish"],
    "send": ["send"],
    "schedule": ["schedule"],
}
"""The commands that run, by name, in the order of the flow, which is the order of stopping."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose tables and topics exist; its processes run once `supervisor` started."""

    settings: Settings
    supervisor: Supervisor


@contextlib.contextmanager
def machine(overrides: Mapping[str, object], log_file: Path | None = None) -> Iterator[Machine]:
    """Set everything up for the settings, with `overrides` before the environment.

    Starts the embedded server where no database is set. At the end of the block the processes
    are stopped, then the server. `log_file` as in Supervisor.
    """
    with contextlib.ExitStack() as stack:
        given = {name: value for name, value in overrides.items() if value is not None}
        settings = read_settings(**given)
        if settings.database_url is None:
            folder = settings.data_dir or embedded.default_data_dir()
            given["database_url"] = stack.enter_context(embedded.server(folder))
            settings = read_settings(**given)
        bootstrap.set_up(settings)
        nobody_takes_over = {"QUADRUPEL_API_GRACE": "0"}
        environment = (
            nobody_takes_over
            | os.environ
            | {f"QUADRUPEL_{name.upper()}": str(value) for name, value in given.items()}
        )
        supervisor = Supervisor(children(settings), environment, log_file)
        stack.callback(supervisor.stop)
        yield Machine(settings, supervisor)


def children(settings: Settings) -> list[Child]:
    """The stages and the API. The metrics of each are on a port of its own, counted up."""
    commands = {**STAGES, "api": ["api"]}
    first = settings.metrics_port
    ports = range(first, first + len(commands)) if first else [0] * len(commands)
    return [
        Child(name, [*command, "--metrics-port", str(port)])
        for (name, command), port in zip(commands.items(), ports, strict=True)
    ]
