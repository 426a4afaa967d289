"""The API on a real replica, whose primary stops."""

from .conftest import running


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
