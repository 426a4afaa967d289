"""Contacts that wait for a lock, in a real process: they fail in time, and hold up nothing else."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

from quadrupel.api.contacts import WRITES_AT_ONCE
from quadrupel.channels.unsubscribing import UnsubscribeTokens
from quadrupel.core.refusals import MAILINGS
from quadrupel.store import database, keys

from .processes import ready, until
from .routes import FORM
from .unsubscribe_links import ONE_CLICK

SECRET = "s" * 32
LINKS = {
    "QUADRUPEL_UNSUBSCRIBE_URL": "https://api.example",
    "QUADRUPEL_UNSUBSCRIBE_SECRETS": f'["{SECRET}"]',
}
USERS = [f"user{number}" for number in range(2 * WRITES_AT_ONCE)]
SOON = 3.0
"""Seconds in which a machine with much to do answers what waits for nothing."""


def new_key(database_url: str) -> dict[str, str]:
    engine, scopes = database.open_engine(database_url), ("contacts:write", "explain:read")
    with database.transaction(engine) as connection:
        _, text = keys.create(connection, "test", scopes, datetime.now(UTC), None)
    engine.dispose()
    return {"authorization": f"Bearer {text}"}


def test_contacts_that_wait_for_an_import_hold_up_nothing_else_and_are_not_saved_later(
    database_url: str, tmp_path: Path
) -> None:
    def put(user: str) -> httpx.Response:
        return client.put(f"/v1/users/{user}/contacts", json={}, headers=key)

    def assert_all_else_is_answered() -> None:
        link = f"/v1/unsubscribe/{UnsubscribeTokens([SECRET]).write('anna', MAILINGS)}"
        answers = [
            client.get("/v1/users/anna/explain", headers=key),
            client.get(link),
            client.post(link, content=ONE_CLICK, headers={"content-type": FORM}),
        ]
        assert [each.status_code for each in answers] == [404, 200, 200]
        assert max(each.elapsed.total_seconds() for each in answers) < SOON

    def rows(query: str) -> int:
        with psycopg.connect(database_url) as connection:
            return connection.execute(query).fetchone()[0]

    with (
        ready(database_url, tmp_path) as made,
        made.api(**LINKS) as (_, client),
        psycopg.connect(database_url) as importing,
        ThreadPoolExecutor(len(USERS)) as callers,
    ):
        key = new_key(database_url)
        importing.execute(
            "INSERT INTO contacts (user_id, consents, updated_at)"
            " SELECT unnest(%s::text[]), '{}', now()",
            [USERS],
        )
        waiting = [callers.submit(put, user) for user in USERS]
        time.sleep(1)
        assert_all_else_is_answered()
        until(lambda: rows("SELECT count(*) FROM looks") == len(USERS) + 1)
        for each in waiting:
            answer = each.result()
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.elapsed.total_seconds() < 5 + SOON
        assert_all_else_is_answered()
        importing.rollback()  # while some still wait for its locks
        time.sleep(1)
        assert rows("SELECT count(*) FROM contacts") == 0
        assert put(USERS[0]).status_code == 204
