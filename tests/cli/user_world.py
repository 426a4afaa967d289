"""Citizens of whom every table holds something."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from quadrupel.bus import topics
from quadrupel.bus.event_codec import decode_event, event_message
from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.contacts import Contact, Suppression
from quadrupel.core.events import Event
from quadrupel.core.exposures import Exposure, News, Reached
from quadrupel.core.feedback import Action, Given, feedback_event
from quadrupel.core.looks import Look, LookAt
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.publishing import decide
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.loop import Stage, step
from quadrupel.store import (
    contacts,
    exposures,
    looks,
    mailings,
    messages,
    published,
    refusals,
)
from quadrupel.store.database import transaction

NOW = datetime(2020, 11, 23, 12, tzinfo=UTC)


YESTERDAY = NOW - timedelta(days=1)


CATALOGUE = Catalogue({"moscow": Offer("moscow", "main", 1, (("email", "moscow"),))}, {"main": 3})


SCHEMA = Schema(
    {
        name: Attribute(name, type_, name, (Feed(operation, "told", field=name, key="service"),))
        for name, type_, operation in (
            ("region", Type.TEXT, Operation.LATEST),
            ("expires", Type.DATE, Operation.LATEST),
            ("fines", Type.DECIMAL, Operation.SUM),
            ("orders", Type.STATISTICS, Operation.STATISTICS),
        )
    }
)


TOLD = {"region": "[77]", "expires": "2030-01-02", "fines": Decimal("500.50"), "service": "visa"}


class World:
    def __init__(self, engine, bus):
        self.engine, self.bus = engine, bus

    def ingest(self, *events):
        work = Ingest(self.engine, lambda: declared(SCHEMA))
        with (
            closing(self.bus.producer()) as producer,
            closing(self.bus.consumer(topics.EVENTS, topics.INGEST_GROUP)) as consumer,
        ):
            producer.publish([event_message(event) for event in events])
            while step(Stage("ingest", consumer, producer, work.process, 10)):
                pass

    def citizen(self, user="anna"):
        """A user of whom every table holds something."""
        registered = Event("r", "/portal", "user.registered", user, YESTERDAY, {})
        given = Given("moscow", "2020-11-23", Action.DISMISSED, NOW)
        told = Event("1", "/registry", "told", user, NOW, TOLD)
        self.ingest(registered, told, feedback_event(user, given))
        match = RuleMatch("moscow", None, {"region": "77"})
        evaluation = Evaluation(user, 1, NOW.date(), NOW, "set", (match,))
        with transaction(self.engine) as connection:
            publication = decide(evaluation, None, (), CATALOGUE)
            published.save(connection, [publication], NOW)
            messages.record(connection, publication.messages, NOW)
            contact = Contact(
                user, "anna@private.example", "ru", {"email": True}, "+79123456789", "Asia/Omsk"
            )
            contacts.save(connection, [contact], NOW)
            contacts.suppress(connection, [Suppression(user, "email", b"\xff", "550")], NOW)
            refusals.remember(connection, user, "email", "rule:moscow", NOW)
            mailings.add_users(connection, "spring", [user])
            begun = Exposure(user, "moscow", "2020-11-23", "urgent", NOW, NOW)
            exposures.record(connection, News([begun], []), NOW)
            exposures.reach(connection, [Reached(user, "moscow", NOW + timedelta(hours=1), 1)])
            looks.save(connection, [Look(user, NOW, "k1", "r1", "desk", LookAt.EXPLAIN)])

    def events(self):
        return [decode_event(each.value) for each in self.bus.admin().browse(topics.EVENTS)]
