"""The API as its own processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from quadrupel import bootstrap, portal
from quadrupel.api.after import write_token
from quadrupel.bus import topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.config import read_settings
from quadrupel.core.positions import Position
from quadrupel.store import database, keys, looks

COMMAND = [sys.executable, "-m", "quadrupel", "api"]


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """Everything the API needs, set up."""
    bootstrap.set_up(read_settings(database_url=database_url))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("QUADRUPEL_")}
    return inherited | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_JWT_KEYS": str(portal.create_identity(tmp_path).public_file),
        "QUADRUPEL_JWT_ISSUER": portal.ISSUER,
        "QUADRUPEL_API_PORT": str(portal.free_port(0)),
    }


@contextlib.contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([*COMMAND, *arguments], env=environment)
    try:
        with httpx.Client() as client:  # one: to make it takes longer than to ask
            until(lambda: client.get(f"{address(environment)}/readyz").is_success)
        yield process
    finally:
        process.kill()
        process.wait()


def address(environment: dict[str, str]) -> str:
    return f"http://127.0.0.1:{environment['QUADRUPEL_API_PORT']}"


def new_key(environment: dict[str, str], scope: str) -> str:
    engine = database.open_engine(environment["QUADRUPEL_DATABASE_URL"])
    with database.transaction(engine) as connection:
        _, key = keys.create(connection, "test", [scope], bootstrap.now())
    engine.dispose()
    return key


def until(condition) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        time.sleep(0.1)
    raise TimeoutError


def test_it_serves_the_metrics_of_all_its_workers(environment: dict[str, str]) -> None:
    port = portal.free_port(0)
    with running(environment, "--workers", "2", "--metrics-port", str(port)):
        bearer = {"authorization": f"Bearer {new_key(environment, 'banners:read')}"}
        assert httpx.get(f"{address(environment)}/v1/users/u1/banners", headers=bearer).is_success

        def told() -> str:
            return httpx.get(f"http://127.0.0.1:{port}/metrics").text

        until(lambda: 'quadrupel_api_queries_total{server="primary"}' in told())
        assert "quadrupel_looks_waiting" in told()


def test_it_serves_with_several_workers_and_stops_cleanly(environment: dict[str, str]) -> None:
    key = new_key(environment, "events:write")
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "u1"}
    event["time"] = "2026-11-23T10:00:00Z"
    with running(environment, "--workers", "2") as process:
        for number in range(20):
            response = httpx.post(
                f"{address(environment)}/v1/events",
                json=event | {"id": str(number)},
                headers={"authorization": f"Bearer {key}"},
            )
            assert response.status_code == 202
        large = httpx.get(f"{address(environment)}/livez", headers={"x-large": "x" * 300_000})
        assert large.status_code == 431
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    bus = PostgresBus(environment["QUADRUPEL_DATABASE_URL"])
    assert len(list(bus.admin().browse(topics.EVENTS))) == 20


def test_a_read_that_waits_is_answered_when_it_is_stopped(environment: dict[str, str]) -> None:
    key = new_key(environment, "banners:read")
    token = write_token({"u1": Position(0, 0)})
    url = f"{address(environment)}/v1/users/u1/banners?after={token}&wait=10"
    with running(environment) as process, ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        reading = pool.submit(
            httpx.get, url, headers={"authorization": f"Bearer {key}"}, timeout=20
        )
        time.sleep(1.0)
        assert not reading.done()
        process.send_signal(signal.SIGTERM)
        assert reading.result().json()["contains_event"] is False
        assert time.monotonic() - begun < 8.0  # and not the 10 seconds for which it would wait
        assert process.wait(20) == 0


def test_who_is_connected_is_answered_and_asked_to_go_when_it_is_stopped(environment) -> None:
    livez = f"{address(environment)}/livez"
    with (
        running(environment | {"QUADRUPEL_API_GRACE": "60"}) as process,
        httpx.Client() as kept,
    ):
        assert "connection" not in kept.get(livez).headers
        process.send_signal(signal.SIGTERM)
        until(lambda: refuses(environment))
        answer = kept.get(livez)
        assert answer.is_success
        assert answer.headers["connection"] == "close"
        assert process.wait(20) == 0  # nobody is connected any more


def test_who_asks_nothing_is_waited_for_until_the_grace_is_over(environment) -> None:
    with (
        running(environment | {"QUADRUPEL_API_GRACE": "2"}) as process,
        httpx.Client() as idle,
    ):
        assert idle.get(f"{address(environment)}/livez").is_success
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - begun >= 2


def refuses(environment: dict[str, str]) -> bool:
    """Whether nobody listens at the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(environment["QUADRUPEL_API_PORT"]))) != 0


@pytest.mark.files
@pytest.mark.usefixtures("many_files")
def test_idle_connections_lock_nobody_out(environment: dict[str, str]) -> None:
    to = ("127.0.0.1", int(environment["QUADRUPEL_API_PORT"]))
    with running(environment), contextlib.ExitStack() as idle:
        for _ in range(1_100):  # as a proxy keeps them, each used before
            each = idle.enter_context(socket.create_connection(to, timeout=5))
            each.sendall(b"GET /livez HTTP/1.1\r\nHost: api\r\n\r\n")
            assert each.recv(4096).startswith(b"HTTP/1.1 200")


def test_its_workers_end_when_it_is_killed(environment: dict[str, str]) -> None:
    with running(environment) as process:
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        process.kill()
        until(lambda: not any(worker.is_running() for worker in workers))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("QUADRUPEL_JWT_KEYS", ""),
        ("QUADRUPEL_JWT_KEYS", "/nowhere/keys.pem"),
        ("QUADRUPEL_JWT_ISSUER", ""),
        ("QUADRUPEL_API_PORT", "many"),
        ("QUADRUPEL_API_HOST", "192.0.2.1"),
    ],
)
def test_a_wrong_setting_is_named_at_start(
    environment: dict[str, str], setting: str, value: str
) -> None:
    ended = subprocess.run(
        COMMAND, env=environment | {setting: value}, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 2
    assert setting in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_is_soon_there_without_the_broker(environment: dict[str, str]) -> None:
    nobody = f"127.0.0.1:{portal.free_port(0)}"
    began = time.monotonic()
    with running(environment | {"QUADRUPEL_KAFKA_BOOTSTRAP": nobody}):
        assert time.monotonic() - began < 45


def test_what_bounds_callers_is_set_by_the_environment(environment: dict[str, str]) -> None:
    portal_ = "https://portal.example"
    environment |= {
        "QUADRUPEL_CORS_ORIGINS": portal_,
        "QUADRUPEL_API_KEY_RATE": "1",
        "QUADRUPEL_API_KEY_BURST": "2",
        "QUADRUPEL_API_USER_RATE": "1",
        "QUADRUPEL_API_USER_BURST": "1",
    }
    identity = portal.create_identity(Path(environment["QUADRUPEL_JWT_KEYS"]).parent)
    own = {"authorization": f"Bearer {identity.token('u1', bootstrap.now())}", "origin": portal_}
    key = {"authorization": f"Bearer {new_key(environment, 'banners:read')}"}
    with running(environment) as process:
        url = f"{address(environment)}/v1"
        mine = [httpx.get(f"{url}/me/banners", headers=own) for _ in range(2)]
        assert [each.status_code for each in mine] == [200, 429]
        assert {each.headers["access-control-allow-origin"] for each in mine} == {portal_}
        assert int(mine[1].headers["retry-after"]) <= 60
        theirs = [httpx.get(f"{url}/users/u1/banners", headers=key) for _ in range(10)]
        assert [each.status_code for each in theirs[:2]] == [200, 200]
        assert 429 in [each.status_code for each in theirs]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    engine = database.open_engine(environment["QUADRUPEL_DATABASE_URL"])
    with database.transaction(engine) as connection:
        recorded = {look.request_id for look in looks.find(connection, user_id="u1")}
    engine.dispose()
    answered = {each.headers["x-request-id"] for each in theirs if each.is_success}
    assert recorded == answered, "also those of the moment before it was stopped"
