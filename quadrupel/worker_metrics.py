"""Metrics of worker processes that share a port, as those of the API do: served by their parent.

prometheus_client has them write their numbers to files of a folder, which a variable of the
environment names when it is imported; whoever serves them adds the files up.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from quadrupel.core.errors import SettingRefused

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextlib.contextmanager
def serve_metrics_of_workers(port: int) -> Iterator[None]:
    """Serve Prometheus metrics of the processes that are started in the block; 0: do not.

    They must import prometheus_client anew. Counters go on when a process is replaced by another.
    Raises SettingRefused if the port is taken.
    """
    if not port:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="quadrupel-metrics-") as folder:
        registry = CollectorRegistry()
        registry.register(_OfWorkers(Path(folder)))
        try:
            server, thread = start_http_server(port, registry=registry)
        except OSError as error:
            raise SettingRefused(
                f"QUADRUPEL_METRICS_PORT: cannot listen on {port}: {error}"
            ) from error
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            server.shutdown()
            server.server_close()
            thread.join()


class _OfWorkers(Collector):
    """What all processes wrote; what is so at present, of those that live.

    Gauges that do not say how to add them up are none of theirs, and are left out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """What there is to tell now."""
        for process in {int(each.stem.rpartition("_")[2]) for each in self._folder.glob("*.db")}:
            if not _lives(process):
                mark_process_dead(process, str(self._folder))  # type: ignore[no-untyped-call]
        files = [str(each) for each in self._folder.glob("*.db") if "gauge_all_" not in each.name]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
