"""A small flow: three attributes, two rules, and messages as the bus would deliver them."""

from datetime import UTC, date, datetime
from itertools import count

import pytest

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.ports import Message
from quadrupel.core.publishing import Catalogue, Offer
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.store import schema
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 23)

REGION = Feed(Operation.LATEST, "moved", field="region")
CHILDREN = Feed(Operation.COUNT, "child.registered")
SCHEMA = Schema(
    {
        "region": Attribute("region", Type.TEXT, "Region", (REGION,)),
        "children": Attribute("children", Type.INTEGER, "Children", (CHILDREN,)),
    }
)
CATALOGUE = Catalogue(
    {
        "parent": Offer("parent", "main", 5, messages=(("email", "parent"),)),
        "moscow": Offer("moscow", "main", 1),
    },
    {"main": 3},
)


def evaluator(profile, as_of, evaluated_at):
    """What two rules say: a parent has a child; a Muscovite lives in region 77."""
    matches = []
    if profile.values.get("region") == "77":
        matches.append(RuleMatch("moscow"))
    if profile.values.get("children", 0) > 0:
        matches.append(RuleMatch("parent", "once"))
    return Evaluation(profile.user_id, profile.version, as_of, evaluated_at, "set", tuple(matches))


@pytest.fixture
def applied(engine):
    """A database with the columns of SCHEMA."""
    with transaction(engine) as connection:
        schema.apply(connection, SCHEMA, NOW)
    return engine


@pytest.fixture
def delivered():
    """Turn what was published into messages as delivered, each at a new offset."""
    offsets = count()

    def deliver(outgoing):
        return [
            Message(each.topic, 0, next(offsets), each.key, each.value, NOW) for each in outgoing
        ]

    return deliver
