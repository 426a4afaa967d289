"""Streams whose sets are read from a real replica, which is behind, and whose primary stops."""

import time

import pytest

from quadrupel.api.stream_watch import SOON_SECONDS

from .conftest import Api, running
from .front_end import reading

BIRTHDAY = ("birthday", {})


@pytest.fixture
def replicated(pair, pair_urls, signer, tmp_path):
    """An API that reads from the replica."""
    primary, replica = pair_urls
    with running(primary, signer, tmp_path, replica) as api:
        yield api
        pair.lets_go()


def bearer(api: Api, user: str) -> dict[str, str]:
    return api.bearer(api.signer.token(user))


def test_what_the_replica_does_not_have_yet_is_shown_as_soon_as_it_has_it(replicated, pair) -> None:
    with reading(replicated.client, bearer(replicated, "reader")) as front_end:
        assert front_end.next().data["version"] == 0
        took = []
        for version in (1, 2, 3):
            pair.standby.ask("SELECT pg_wal_replay_pause()")
            replicated.publish("reader", version, BIRTHDAY)
            time.sleep(0.5)
            began = time.monotonic()
            pair.standby.ask("SELECT pg_wal_replay_resume()")
            assert front_end.next().data["version"] == version
            took.append(time.monotonic() - began)
        assert min(took) < 1.5


def test_who_comes_between_the_news_and_the_replica_is_not_forgotten(replicated, pair) -> None:
    pair.lets_go()
    pair.standby.ask("SELECT pg_wal_replay_pause()")
    replicated.publish("late", 1, BIRTHDAY)
    time.sleep(0.2)  # the news is heard, and there is nobody yet whom it concerns
    with reading(replicated.client, bearer(replicated, "late")) as front_end:
        assert front_end.next().data["version"] == 0
        began = time.monotonic()
        pair.standby.ask("SELECT pg_wal_replay_resume()")
        assert front_end.next().data["version"] == 1
        assert time.monotonic() - began < SOON_SECONDS + 4.0


def test_streams_outlive_the_primary_and_hear_of_it_when_it_is_back(replicated, pair) -> None:
    replicated.publish("patient", 1, BIRTHDAY)
    pair.lets_go()
    with reading(replicated.client, bearer(replicated, "patient")) as front_end:
        assert front_end.next().data["version"] == 1
        pair.primary.stop()
        with reading(replicated.client, bearer(replicated, "patient")) as newcomer:
            assert newcomer.next().data["version"] == 1
        pair.primary.start()
        replicated.publish("patient", 2)
        assert front_end.next().data["version"] == 0
