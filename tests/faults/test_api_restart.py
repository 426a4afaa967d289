"""Processes of the API are replaced one by one under load, and no caller notices."""

import pytest

from quadrupel import bootstrap
from quadrupel.config import read_settings

from .crowd import Api, Crowd, front_door, publish

pytestmark = pytest.mark.slow

USERS = 20
GRACE = 3.0


@pytest.fixture
def door(database_url, tmp_path):
    """What the API needs, with banners of everybody, and the login."""
    bootstrap.set_up(read_settings(database_url=database_url))
    publish(database_url, USERS)
    with front_door(tmp_path, database_url, QUADRUPEL_API_GRACE=str(GRACE)) as both:
        yield both


def test_rolling_restarts_under_load_fail_no_request(door, full) -> None:
    settings, identity = door
    port = int(settings["QUADRUPEL_API_PORT"])
    serving = Api(settings).__enter__()
    took = []
    try:
        with Crowd(port, identity, USERS) as crowd:
            crowd.wait_for_more()
            for _ in range(10 if full else 2):
                old, serving = serving, Api(settings).__enter__()
                crowd.wait_for_more()
                took.append(old.stop())
                crowd.wait_for_more()
                assert crowd.failures == []
            crowd.wait_for_more()
    finally:
        serving.kill()
    assert crowd.failures == []
    assert crowd.connections_ended > 0  # some were asked to go, and did
    assert max(took) < GRACE + 5
