"""Where a user is reached is in the database and in the mail, and nowhere else."""

import logging
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import event_message
from quadrupel.channels.email import EmailChannel
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.channels.smtp import read_smtp_url
from quadrupel.channels.templates import load_templates
from quadrupel.core.contacts import Contact
from quadrupel.core.events import Event
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.loop import Stage, step
from quadrupel.stages.publish import Publish
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.stages.send import Send
from quadrupel.store import contacts
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.testing import MemoryBus

from .conftest import NOW, SCHEMA, TODAY

TEMPLATES = Path(__file__).parents[2] / "rules" / "templates"
CATALOGUE = Catalogue(
    {"birthday": Offer("birthday", "main", messages=(("email", "birthday"),))}, {}
)
ANNA = Contact(
    "u1", "anna@private.example", "ru", {"email": True}, "+79123456789", "Asia/Kamchatka"
)
BORIS = Contact(
    "u2", "boris@private.example", "en", {"email": True}, "+79123456780", "Asia/Kamchatka"
)
SECRETS = ("private.example", "anna", "boris", "912345678", "Kamchatka")


def everyone_has_a_birthday(profile, as_of, evaluated_at):
    match = RuleMatch("birthday", str(as_of))
    return Evaluation(profile.user_id, profile.version, as_of, evaluated_at, "set", (match,))


class Flow:
    """Every stage on one bus, and a mail server that knows no Boris and says so by his address."""

    def __init__(self, engine, catcher, pages):
        self.bus = MemoryBus()
        self.bus.admin().create(topics.topics(1))
        rules = Rules(ProfileStore(SCHEMA), everyone_has_a_birthday)
        templates = load_templates(TEMPLATES, ("en", "ru"), "https://portal.example")
        mail = EmailChannel(
            read_smtp_url(catcher.url), "no-reply@portal.example", lambda: templates
        )
        self.send = Send(engine, {"email": mail}, lambda: NOW)
        ranges = self.bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
        lane = EvaluateRanges(engine, pages, self.bus.producer(), ranges, "w", lambda: NOW)
        lane_of_profiles = EvaluateProfiles(engine, lambda: rules, lambda _: TODAY, lambda: NOW)
        self.stages = [
            self.stage(Ingest(engine, lambda: declared(SCHEMA), lambda: NOW), topics.EVENTS),
            self.stage(lane_of_profiles, topics.PROFILES),
            Stage("ranges", ranges, self.bus.producer(), lane.process, 10),
            self.stage(Publish(engine, lambda _: CATALOGUE, lambda: NOW), topics.VERDICTS),
            self.stage(self.send, topics.MESSAGES),
        ]

    def stage(self, work, topic):
        consumer = self.bus.consumer(topic, f"{topic}.test")
        return Stage(topic, consumer, self.bus.producer(), work.process, 10)

    def run(self):
        for stage in self.stages:
            while step(stage):
                pass

    def everything(self):
        """Every message of every topic, with what dead letters hold."""
        found = {topic: list(self.bus.admin().browse(topic)) for topic in sorted(self.bus.topics)}
        letters = map(codec.read_dead_letter, found[topics.DEAD_LETTERS])
        assert {topic for topic, written in found.items() if written} == set(found)
        return f"{found}{list(letters)}"


@pytest.fixture
def catcher():
    def answer(address):
        return f"550 5.1.1 <{address}> unknown" if address.startswith("boris") else "250 ok"

    with MailCatcher(answer_recipient=answer) as catcher:
        yield catcher


def test_contacts_are_in_no_topic_and_in_no_log(applied, catcher, caplog, small_rules, small_pages):
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        with transaction(applied) as connection:
            contacts.save(connection, [ANNA, BORIS], NOW)
        flow = Flow(applied, catcher, small_pages)
        events = [
            Event(f"{user}/{type_}", "/registry", type_, user, NOW, data)
            for user in ("u1", "u2")
            for type_, data in (("moved", {"region": "77"}), ("child.registered", {}))
        ]
        refused = Event("bad", "/registry", "moved", "u1", NOW, {"region": 77})
        flow.bus.producer().publish([*map(event_message, [*events, refused])])
        flow.run()
        start_run(applied, "night", TODAY, small_rules, 10, NOW)
        fan_out(applied, flow.bus.producer(), NOW)
        flow.run()
        flow.send.close()
    assert [mail.recipient for mail in catcher.caught()] == ["anna@private.example"]
    ours = [each.getMessage() for each in caplog.records if each.name != "mail.log"]
    told = f"{flow.everything()}{logs}{ours}"
    assert [secret for secret in SECRETS if secret in told] == []
    with transaction(applied) as connection:
        assert [each.user_id for each in contacts.suppressed(connection, ["u1", "u2"])] == ["u2"]
