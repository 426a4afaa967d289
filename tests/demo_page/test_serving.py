"""Where the demo page listens, and what it leaves behind."""

import socket

import httpx
import pytest

from quadrupel import bootstrap
from quadrupel.config import Settings
from quadrupel.core.errors import SettingRefused
from quadrupel.demo_page.serving import ADDRESS, demo_page
from quadrupel.portal import Identity, create_identity, free_port
from quadrupel.store import keys
from quadrupel.store.database import transaction


@pytest.fixture
def settings(database_url, monkeypatch) -> Settings:
    settings = Settings(database_url=database_url, api_port=free_port(0))
    bootstrap.set_up(settings)
    return settings


@pytest.fixture
def identity(tmp_path) -> Identity:
    return create_identity(tmp_path)


def revoked(settings: Settings) -> list[bool]:
    """Of each service key, whether it is revoked."""
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        return [key.revoked_at is not None for key in keys.every(connection)]


def test_it_listens_on_the_loopback_address_alone(settings, identity):
    with demo_page(settings, identity, None, 0) as url:
        port = httpx.URL(url).port
        assert url == f"http://127.0.0.1:{port}"
        assert "Content-Security-Policy" in httpx.get(url).headers
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)


def test_its_key_is_good_as_long_as_it_runs(settings, identity):
    with demo_page(settings, identity, None, 0):
        assert revoked(settings) == [False]
    assert revoked(settings) == [True]


def test_a_port_that_is_asked_for_and_taken_is_refused(settings, identity):
    with socket.create_server((ADDRESS, 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingRefused, match=f"--page-port: cannot listen on {ADDRESS}:{port}"),
            demo_page(settings, identity, None, port),
        ):
            pytest.fail("it listens nowhere")
    assert revoked(settings) == []


def test_of_two_pages_the_second_finds_another_port(settings, identity):
    with (
        demo_page(settings, identity, None) as first,
        demo_page(settings, identity, None) as second,
    ):
        assert first != second
        assert all(httpx.get(each).is_success for each in (first, second))


def test_an_api_that_is_away_is_said_to_be_and_nobody_is_made(settings, identity, monkeypatch):
    monkeypatch.setattr("quadrupel.demo_page.cast.WAIT_SECONDS", 0.2)
    with demo_page(settings, identity, None, 0) as url:
        answer = httpx.post(f"{url}/demo/licence", headers={"Origin": url})
        assert answer.status_code == 503
        assert httpx.post(f"{url}/demo/licence/token", headers={"Origin": url}).status_code == 404


NOT_THERE = [
    ("POST", "/demo/nobody", 404),
    ("POST", "/demo/licence/token", 404),
    ("POST", "/demo/licence/again/", 404),
    ("POST", "/demo/licence/events/licence_issued", 404),
    ("POST", "/demo/licence/time/day", 404),
    ("POST", "/demo/licence/time/century", 404),
    ("GET", "/demo/licence/explanations", 404),
    ("GET", "/demo/%00/explanations", 404),
    ("GET", "/demo/licence", 405),
    ("GET", "/demo/licence/token", 405),
    ("GET", "/files/../serving.py", 404),
    ("GET", "/files/..%2f..%2f..%2fpyproject.toml", 404),
    ("GET", "/files/", 404),
    ("GET", "/nothing", 404),
]


def test_what_is_not_there_is_refused(settings, identity):
    with demo_page(settings, identity, None, 0) as url, httpx.Client() as client:
        for method, path, status in NOT_THERE:
            request = httpx.Request(method, f"{url}{path}", headers={"Origin": url})
            assert client.send(request).status_code == status, path
