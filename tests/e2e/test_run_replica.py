"""A run in processes of its own, whose replica stops in the middle; it says the same as without."""

import re
from datetime import date

import httpx
import pytest

from quadrupel import bootstrap
from quadrupel.config import read_settings
from quadrupel.core.profiles import Profile
from quadrupel.portal import free_port
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .test_run_kill import processes, start, until

USERS = 2_000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_reads_the_replica_until_that_stops_and_then_the_primary(
    pair, pair_urls, monkeypatch
):
    primary, replica = pair_urls
    port = free_port(0)
    settings = read_settings(database_url=primary)
    bootstrap.set_up(settings)
    with bootstrap.open_parts(settings) as parts, processes(settings, ("publish",)):
        monkeypatch.setenv("QUADRUPEL_REPLICA_URL", replica)
        monkeypatch.setenv("QUADRUPEL_METRICS_PORT", str(port))
        with transaction(parts.engine) as connection:
            born = [date(1940 + n % 80, 1 + n % 12, 1 + n % 28) for n in range(USERS)]
            profiles = [Profile(f"c{n:05}", 1, {"birth_date": day}) for n, day in enumerate(born)]
            ProfileStore(parts.rules.schema).write(connection, profiles, bootstrap.now())
        with processes(settings, ("evaluate", "--lane", "ranges")):
            start(parts, "disturbed", rate=400)
            until(parts, "disturbed", lambda run, _: run.ranges_done >= 3)
            before = pages(port)
            pair.standby.stop()
            disturbed, _ = until(parts, "disturbed", lambda run, _: run.state == "finished")
            start(parts, "undisturbed")
            undisturbed, _ = until(parts, "undisturbed", lambda run, _: run.state == "finished")
            after = pages(port)
    assert before["replica"] >= 3
    assert before.get("primary", 0) == 0
    assert after["primary"] >= USERS // 100
    assert disturbed.evaluated == undisturbed.evaluated == USERS
    assert disturbed.digest == undisturbed.digest
    assert disturbed.matched == undisturbed.matched > 0


def pages(port):
    """How many pages the process has read, by source."""
    said = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    line = re.compile(r'^quadrupel_run_pages_read_total\{source="(\w+)"\} ([\d.]+)$', re.MULTILINE)
    return {source: float(count) for source, count in line.findall(said)}
