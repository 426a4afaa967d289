"""The API on a real replica, whose primary stops."""

import time

import psycopg

from quadrupel.api.after import write_token
from quadrupel.core.positions import Position
from quadrupel.store.keys import split_key

from .conftest import running

AFTER = write_token({"reader": Position(0, 5)})


def test_banners_are_read_from_the_replica_while_the_primary_is_stopped(
    pair, pair_urls, signer, tmp_path
) -> None:
    primary, replica = pair_urls
    with running(primary, signer, tmp_path, replica) as api:
        api.publish("reader", 7, ("birthday", {}))
        pair.lets_go()
        pair.primary.stop()
        mine = api.client.get("/v1/me/banners", headers=api.bearer(api.signer.token("reader")))
        theirs = api.client.get("/v1/users/reader/banners", headers=api.service)
        ready = api.client.get("/readyz")
        pair.lets_go()
    assert (mine.status_code, theirs.status_code, ready.status_code) == (200, 200, 200)
    assert mine.json()["version"] == 7
    assert mine.content == theirs.content


def test_while_the_primary_is_stopped_answers_say_how_old_they_are(
    pair, pair_urls, signer, tmp_path
) -> None:
    primary, replica = pair_urls
    with running(primary, signer, tmp_path, replica) as api:
        api.publish("reader", 7, ("birthday", {}))
        pair.lets_go()
        mine = api.bearer(api.signer.token("reader"))
        nobodys = api.bearer(api.signer.token("nobody"))
        fresh = api.client.get("/v1/me/banners", headers=mine)
        assert "age" not in fresh.headers
        pair.primary.stop()
        deadline = time.monotonic() + 20
        while "age" not in (old := api.client.get("/v1/me/banners", headers=mine)).headers:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        asked = {
            "the framework's route": ("/v1/me/banners?wait=1", mine, 200),
            "nothing is shown": ("/v1/me/banners", nobodys, 200),
            "a system asks": ("/v1/users/reader/banners", api.service, 200),
            "not modified": ("/v1/me/banners", mine | {"if-none-match": old.headers["etag"]}, 304),
            "after": (f"/v1/me/banners?after={AFTER}&wait=0", mine, 200),
        }
        for path, headers, status in asked.values():
            answer = api.client.get(path, headers=headers)
            assert answer.status_code == status
            assert int(answer.headers["age"]) >= 3
        assert old.headers["etag"] == fresh.headers["etag"]
        assert old.content == fresh.content
        pair.lets_go()
        while "age" in api.client.get("/v1/me/banners", headers=mine).headers:
            assert time.monotonic() < deadline + 20
            time.sleep(0.1)


def test_a_late_replica_is_not_read_but_the_primary_and_after_is_judged_there(
    pair, pair_urls, signer, tmp_path
) -> None:
    primary, replica = pair_urls
    with running(primary, signer, tmp_path, replica, near=1.5) as api:
        api.publish("reader", 1, ("birthday", {}), contains=Position(0, 1))
        pair.lets_go()
        pair.standby.ask("SELECT pg_wal_replay_pause()")
        api.publish("reader", 2, ("birthday", {}), contains=Position(0, 9))
        token = write_token({"reader": Position(0, 9)})
        answer = api.client.get(
            f"/v1/me/banners?after={token}&wait=10",
            headers=api.bearer(api.signer.token("reader")),
        )
        assert answer.headers["contains-event"] == "true"
        assert answer.json()["version"] == 2
        assert "age" not in answer.headers
        pair.standby.ask("SELECT pg_wal_replay_resume()")


def behind_one_key(api, pair) -> tuple[str, str]:
    """A key that the replica has, and one that it lacks, since what it replays stands still."""
    known = api.create_key("banners:read")
    pair.lets_go()
    pair.standby.ask("SELECT pg_wal_replay_pause()")
    return known, api.create_key("banners:read")


def test_keys_are_asked_of_the_primary_however_late_the_replica_is(
    pair, pair_urls, signer, tmp_path
) -> None:
    primary, replica = pair_urls
    with running(primary, signer, tmp_path, replica) as api:
        old, new = behind_one_key(api, pair)
        with psycopg.connect(primary) as connection:
            connection.execute(
                "UPDATE api_keys SET revoked_at = now() WHERE key_id = %s", split_key(old)[:1]
            )
        asked = [
            api.client.get("/v1/users/reader/banners", headers=api.bearer(key))
            for key in (old, new)
        ]
    assert [answer.status_code for answer in asked] == [401, 200]


def test_a_key_that_a_late_replica_does_not_have_is_neither_good_nor_bad(
    pair, pair_urls, signer, tmp_path
) -> None:
    primary, replica = pair_urls
    with running(primary, signer, tmp_path, replica) as api:
        known, new = behind_one_key(api, pair)
        pair.primary.stop()

        def ask(key: str) -> int:
            answer = api.client.get("/v1/users/reader/banners", headers=api.bearer(key))
            return answer.status_code

        assert (ask(known), ask(new)) == (200, 503)
        pair.lets_go()
        deadline = time.monotonic() + 20
        while ask(new) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
