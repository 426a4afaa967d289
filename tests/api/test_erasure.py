"""To who reads, an erased user is one who was never heard of."""

import time
from datetime import UTC, datetime

from quadrupel.core import lifecycle
from quadrupel.core.attributes import Schema
from quadrupel.core.profiles import FoldState, Profile
from quadrupel.store import database, erasure
from quadrupel.store.profiles import ProfileStore

LICENCE = ("licence_expiring", {"licence_expires": "2026-12-20", "fee": "1234.50"})


def erase(api, user_id: str) -> None:
    marks = {lifecycle.ERASED_TAG: (time.time_ns() // 1000, 1, lifecycle.ERASED_TAG)}
    tombstone = Profile(user_id, 1, {}, FoldState(marks))
    engine = database.open_engine(api.database_url)
    now = datetime.now(UTC)
    with database.transaction(engine) as connection:
        ProfileStore(Schema({})).write(connection, [tombstone], now)
        erasure.erase(connection, [tombstone], now)
    engine.dispose()


def test_the_banners_of_an_erased_user_are_those_of_an_unknown_one(api) -> None:
    api.publish("gone", 7, LICENCE)
    as_gone, as_unknown = (
        api.bearer(api.signer.token(user)) for user in ("gone", "never-heard-of")
    )
    before = api.client.get("/v1/me/banners", headers=as_gone)
    assert before.json()["banners"]
    erase(api, "gone")
    held = {**as_gone, "if-none-match": before.headers["etag"]}
    for own, theirs in (
        (
            api.client.get("/v1/me/banners", headers=held),
            api.client.get("/v1/me/banners", headers=as_unknown),
        ),
        (
            api.client.get("/v1/users/gone/banners", headers=api.service),
            api.client.get("/v1/users/never-heard-of/banners", headers=api.service),
        ),
    ):
        assert (own.status_code, own.content) == (theirs.status_code, theirs.content)
        assert own.json() == {"version": 0, "as_of": None, "banners": []}
