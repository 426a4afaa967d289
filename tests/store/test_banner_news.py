"""News of banner sets on a real database, whatever becomes of the connection."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import psycopg
import pytest
from structlog.testing import capture_logs

from quadrupel.store import banner_news
from quadrupel.store.banner_news import APPLICATION, CHANNEL, USERS, BannerNews, News
from quadrupel.store.database import open_engine

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Listener:
    """Listens at a database; `heard` and `states` are what it was told."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[News] = []
        self.states: list[bool] = []

    def versions(self) -> dict[str, int]:
        return {user: version for each in self.heard for user, version in each.versions.items()}

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            listening = BannerNews(self.url).listen(self.heard.append, self.states.append)
            task = asyncio.create_task(listening)
            try:
                await story()
            finally:
                task.cancel()
                await asyncio.wait([task])

        asyncio.run(run())

    def ask(self, query: str, *values: object) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(query, values)

    def cut(self) -> None:
        """End its connection at the server."""
        self.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()",
            APPLICATION,
        )


@pytest.fixture
def listener(database_url) -> Listener:
    return Listener(database_url)


@pytest.mark.parametrize("users", [1, USERS, USERS + 1, 2_000])
def test_all_that_is_told_is_heard(listener: Listener, users: int) -> None:
    """Of users with the longest ids, and the largest versions that there may be."""
    told = {f"{number:@>64}": 2**63 - 1 for number in range(users)}
    engine = open_engine(listener.url)

    async def story() -> None:
        await listener.until(lambda: listener.states)
        await asyncio.to_thread(banner_news.tell, engine, told, NOW)
        await listener.until(lambda: len(listener.versions()) == users)

    listener.play(story)
    engine.dispose()
    assert listener.versions() == told
    assert {each.at for each in listener.heard} == {NOW.timestamp()}
    assert len(listener.heard) == -(-users // USERS)


def test_where_nothing_is_new_nobody_is_asked() -> None:
    banner_news.tell(None, {}, NOW)
    assert banner_news.payloads({}, NOW) == []


def test_who_tells_is_not_held_up_by_a_database_that_is_away() -> None:
    engine = open_engine("postgresql://127.0.0.1:1/none")
    with capture_logs() as logs:
        banner_news.tell(engine, {"u1": 1}, NOW)
    [line] = logs
    assert line["log_level"] == "warning"
    assert line["users"] == 1
    assert "u1" not in str(line)


def test_who_tells_is_not_held_up_by_a_listener_that_hangs(own_server) -> None:
    """The server's queue is full then, and no transaction that tells could be committed."""
    told = {f"{number:@>64}": 1 for number in range(2_000)}
    own_server.ask("ALTER SYSTEM SET max_notify_queue_pages = 64")
    own_server.stop()
    own_server.start()
    engine = open_engine(own_server.url)
    with psycopg.connect(own_server.url) as hanging, capture_logs() as logs:
        hanging.execute(f"LISTEN {CHANNEL}")
        hanging.commit()
        hanging.execute("SELECT 1")  # what it is told stays in the queue until its commit
        for _ in range(10):
            banner_news.tell(engine, told, NOW)
    engine.dispose()
    assert 1 <= len(logs) < 10
    assert {each["error"] for each in logs} == {
        "the database refused it: ProgramLimitExceeded (54000)"
    }


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"at": 1}',
        '{"versions": {}}',
        '{"at": "now", "versions": {}}',
        '{"at": 1, "versions": ["u1"]}',
        '{"at": 1, "versions": {"u1": "2"}}',
        '{"at": 1, "versions": {"u1": 2.5}}',
        '{"at": 1, "versions": {"u1": 1}',
    ],
)
def test_what_cannot_be_read_is_left_out_and_not_repeated_in_the_log(payload: str) -> None:
    with capture_logs() as logs:
        assert banner_news.read(payload) is None
    [line] = logs
    assert set(line) == {"event", "log_level", "characters"}


def test_what_cannot_be_read_does_not_end_the_listening(listener: Listener) -> None:
    async def story() -> None:
        await listener.until(lambda: listener.states)
        for payload in ("", "hello", banner_news.payloads({"u1": 2}, NOW)[0]):
            listener.ask("SELECT pg_notify(%s, %s)", CHANNEL, payload)
        await listener.until(lambda: listener.heard)

    listener.play(story)
    assert listener.versions() == {"u1": 2}


def test_a_release_to_come_may_tell_more() -> None:
    assert banner_news.read('{"at": 1, "versions": {"u1": 2}, "more": [1]}') == News(1, {"u1": 2})


def test_it_listens_again_when_its_connection_is_cut_and_says_so(listener: Listener) -> None:
    async def story() -> None:
        for times in range(1, 4):
            await listener.until(lambda times=times: listener.states.count(True) == times)
            listener.ask("SELECT pg_notify(%s, %s)", *told(times))
            await listener.until(lambda times=times: listener.versions() == {"u1": times})
            listener.cut()
        await listener.until(lambda: listener.states.count(True) == 4)

    def told(version: int) -> tuple[str, str]:
        return CHANNEL, banner_news.payloads({"u1": version}, NOW)[0]

    with capture_logs() as logs:
        listener.play(story)
    assert listener.states == [True, False] * 3 + [True]
    assert [each["log_level"] for each in logs].count("warning") == 3


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/none", "postgresql://u:secret@h:no-port/%zz"]
)
def test_a_database_that_cannot_be_reached_is_tried_again_and_said_once(url: str) -> None:
    listener = Listener(url)

    async def story() -> None:
        await listener.until(lambda: len(listener.states) >= 3)

    with capture_logs() as logs:
        listener.play(story)
    assert set(listener.states) == {False}
    [line] = logs
    assert "secret" not in str(line)


def test_a_standby_cannot_tell_and_is_said_to_be_unfit(pair_urls) -> None:
    listener = Listener(pair_urls[1])

    async def story() -> None:
        await listener.until(lambda: len(listener.states) >= 2)

    with capture_logs() as logs:
        listener.play(story)
    assert set(listener.states) == {False}
    assert len(logs) == 1
