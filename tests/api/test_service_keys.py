import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.api import service_keys
from quadrupel.api.service_keys import (
    MAX_REMEMBERED,
    OUTAGE_SECONDS,
    REMEMBERED_SECONDS,
    ServiceKeys,
)
from quadrupel.core.errors import DatabaseUnavailable, NotAuthenticated
from quadrupel.store.keys import ServiceKey

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SECRET = "s" * 43
TEXT = f"qk_{'a' * 12}_{SECRET}"
KEY = ServiceKey(
    "a" * 12, "crm", hashlib.sha256(SECRET.encode()).digest(), ["banners:read"], NOW, None, None
)


class World:
    """A table of keys that counts how often it is asked, and two clocks."""

    def __init__(self) -> None:
        self.rows = {KEY.key_id: KEY}
        self.asked = 0
        self.seconds = 0.0
        self.keys = ServiceKeys(self.find, self.now, lambda: self.seconds)

    async def find(self, key_id: str) -> ServiceKey | None:
        self.asked += 1
        return self.rows.get(key_id)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def check(self, text: str = TEXT) -> ServiceKey:
        return asyncio.run(self.keys.check(text, "banners:read"))


def test_a_key_is_asked_for_once_in_a_while() -> None:
    world = World()
    for _ in range(10):
        assert world.check() is KEY
    assert world.asked == 1
    world.seconds += REMEMBERED_SECONDS
    world.check()
    assert world.asked == 2


def test_a_revoked_key_stops_to_work_within_a_minute() -> None:
    assert REMEMBERED_SECONDS <= 60
    world = World()
    world.check()
    world.rows[KEY.key_id] = ServiceKey(
        KEY.key_id, KEY.name, KEY.secret_hash, KEY.scopes, NOW, None, revoked_at=NOW
    )
    world.seconds += REMEMBERED_SECONDS
    with pytest.raises(NotAuthenticated):
        world.check()


def test_a_remembered_key_expires_on_time() -> None:
    world = World()
    expires = NOW + timedelta(seconds=5)
    world.rows[KEY.key_id] = ServiceKey(
        KEY.key_id, KEY.name, KEY.secret_hash, KEY.scopes, NOW, expires, None
    )
    world.check()
    world.seconds += 5
    with pytest.raises(NotAuthenticated):
        world.check()


def test_unknown_keys_are_remembered_too_in_bounded_memory() -> None:
    world = World()
    for _ in range(3):
        with pytest.raises(NotAuthenticated):
            world.check(f"qk_{'z' * 12}_{SECRET}")
    assert world.asked == 1
    for number in range(MAX_REMEMBERED + 10):
        with pytest.raises(NotAuthenticated):
            world.check(f"qk_{number:012}_{SECRET}")
    assert len(world.keys._remembered) == MAX_REMEMBERED


def test_a_key_that_is_in_use_is_forgotten_after_those_that_are_not(monkeypatch) -> None:
    monkeypatch.setattr(service_keys, "MAX_REMEMBERED", 2)
    world = World()
    world.check()
    for number, seconds in enumerate((REMEMBERED_SECONDS, 0.0)):
        with pytest.raises(NotAuthenticated):
            world.check(f"qk_{number:012}_{SECRET}")
        world.seconds += seconds
        world.check()
    asked = world.asked
    world.check()
    assert (asked, world.asked) == (4, 4)


def test_without_the_database_an_unremembered_key_is_neither_good_nor_bad() -> None:
    async def find(key_id: str) -> ServiceKey | None:
        raise DatabaseUnavailable("away")

    keys = ServiceKeys(find, lambda: NOW)
    with pytest.raises(DatabaseUnavailable):
        asyncio.run(keys.check(TEXT, "banners:read"))


def away(world: World) -> None:
    async def find(key_id: str) -> ServiceKey | None:
        world.asked += 1
        raise DatabaseUnavailable("away")

    world.keys._find = find


def test_a_key_that_was_known_goes_on_without_the_database_for_an_hour() -> None:
    world = World()
    world.check()
    away(world)
    for seconds in (REMEMBERED_SECONDS, OUTAGE_SECONDS - 1):
        world.seconds = seconds
        assert world.check() is KEY
    with pytest.raises(NotAuthenticated):
        world.check(f"qk_{KEY.key_id}_{'x' * 43}")
    world.seconds = OUTAGE_SECONDS
    with pytest.raises(DatabaseUnavailable):
        world.check()


def test_a_key_that_was_unknown_may_exist_by_now() -> None:
    world = World()
    del world.rows[KEY.key_id]
    with pytest.raises(NotAuthenticated):
        world.check()
    away(world)
    world.seconds = REMEMBERED_SECONDS
    with pytest.raises(DatabaseUnavailable):
        world.check()


def test_a_key_that_was_revoked_stops_when_the_database_is_back() -> None:
    world = World()
    world.check()
    find = world.keys._find
    away(world)
    world.seconds = REMEMBERED_SECONDS + 60
    assert world.check() is KEY
    world.keys._find = find
    world.rows[KEY.key_id] = replace(KEY, revoked_at=NOW)
    with pytest.raises(NotAuthenticated):
        world.check()


def test_an_expired_key_does_not_go_on() -> None:
    world = World()
    world.rows[KEY.key_id] = replace(KEY, expires_at=NOW + timedelta(seconds=120))
    world.check()
    away(world)
    world.seconds = 119
    world.check()
    world.seconds = 120
    with pytest.raises(NotAuthenticated):
        world.check()
