"""Feedback while the broker or the database is away, through the API and all stages."""

import contextlib
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from quadrupel import bootstrap, portal
from quadrupel.bus.event_codec import event_message
from quadrupel.bus.kafka import KafkaBus
from quadrupel.config import read_settings
from quadrupel.core.events import Event
from quadrupel.testing import midday_zone

from .parts import STAGES, Flow

pytestmark = [pytest.mark.kafka, pytest.mark.postgres15, pytest.mark.slow]

RULE = "fines_repeated"
SECONDS = 90


class Citizen:
    """Somebody with three fines, who reads banners and dismisses one."""

    def __init__(self, flow, identity, port):
        self.flow, self.identity = flow, identity
        self.page = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    @property
    def own(self):
        token = self.identity.token("u1", datetime.now(UTC))
        return {"authorization": f"Bearer {token}"}

    def is_fined(self):
        now = datetime.now(UTC) - timedelta(hours=1)
        events = [Event(f"f{n}", "/r", "fine.issued", "u1", now, {"amount": 5}) for n in range(3)]
        with contextlib.closing(self.flow.bus.producer()) as producer:
            producer.publish([event_message(event) for event in events])

    def episodes(self):
        """The episodes of the banners that are shown, by rule; None while nobody answers."""
        with contextlib.suppress(httpx.TransportError):
            answer = self.page.get("/v1/me/banners", headers=self.own)
            if answer.is_success:
                return {each["rule"]: each["episode"] for each in answer.json()["banners"]}
        return None

    def shows(self):
        """Whether the banner is shown; None while nobody answers."""
        shown = self.episodes()
        return None if shown is None else RULE in shown

    def dismisses(self, episode):
        told = {"banner": RULE, "episode": episode, "action": "dismissed"}
        return self.page.post("/v1/me/banners/feedback", json=told, headers=self.own)


@pytest.fixture
def citizen(broker, database, tmp_path):
    """A citizen who is shown the banner, with everything in processes of its own."""
    settings = read_settings(
        database_url=database.url,
        kafka_bootstrap=broker.bootstrap,
        time_zone=midday_zone(),
        batch_size=100,
    )
    bootstrap.set_up(settings)
    identity, port = portal.create_identity(tmp_path), portal.free_port(0)
    environment = {
        "QUADRUPEL_JWT_KEYS": str(identity.public_file),
        "QUADRUPEL_JWT_ISSUER": portal.ISSUER,
        "QUADRUPEL_API_PORT": str(port),
        "QUADRUPEL_API_USER_RATE": "0",  # one citizen asks all the time
    }
    with (
        contextlib.closing(KafkaBus(broker.bootstrap, timeout=10)) as bus,
        Flow(settings, bus, tmp_path / "log", (*STAGES, "api"), environment) as flow,
    ):
        citizen = Citizen(flow, identity, port)
        citizen.is_fined()
        flow.wait_for(lambda: citizen.shows() is True, SECONDS, "no banner")
        yield citizen
        citizen.page.close()


def test_without_the_broker_feedback_is_503_and_banners_are_read(citizen, broker):
    shown = citizen.episodes()
    broker.stop()
    begun = time.monotonic()
    answer = citizen.dismisses(shown[RULE])
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:quadrupel:problem:unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert time.monotonic() - begun < 15
    assert citizen.episodes() == shown
    broker.start()
    citizen.flow.wait_for(
        lambda: citizen.dismisses(shown[RULE]).is_success, SECONDS, "no feedback taken"
    )
    citizen.flow.wait_for(lambda: citizen.shows() is False, SECONDS, "not dismissed")


def test_without_the_database_feedback_is_taken_and_counts_once_when_it_is_back(citizen, database):
    episode = citizen.episodes()[RULE]
    database.stop()
    for _ in range(3):
        answer = citizen.dismisses(episode)
        assert answer.status_code == 202
        assert answer.json()["contains_event"] is False
    database.start()
    flow = citizen.flow
    kept = "SELECT count(*) FROM banner_feedback WHERE last_dismissed IS NOT NULL"
    flow.wait_for(lambda: database.ask(kept) == [(1,)], SECONDS, "no feedback kept")
    flow.wait_for(lambda: flow.lag() == 0, SECONDS, "the topics are not empty")
    flow.wait_for(lambda: citizen.shows() is False, SECONDS, "not dismissed")
    count = f"SELECT banners -> '{RULE}.dismissed' ->> 'count' FROM profiles"
    assert database.ask(count) == [("1",)]
