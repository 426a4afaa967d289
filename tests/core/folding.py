"""A schema with attributes of every type, and events that are folded by it."""

from datetime import UTC, date, datetime, timedelta

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.events import Event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold

ARRIVED = date(2026, 11, 23)
START = datetime(2026, 1, 1, tzinfo=UTC)
START_TO_ARRIVED = (ARRIVED - START.date()).days


def attribute(name, type_, *feeds, values=(), window=0):
    return Attribute(name, type_, f"what {name} is", feeds, values, window)


WINDOW = 30
LICENCE = {"kind": "driving_licence"}
SCHEMA = Schema(
    {
        each.name: each
        for each in (
            attribute(
                "licence_expires",
                Type.DATE,
                Feed(Operation.LATEST, "document.issued", field="expires", where=LICENCE),
                Feed(Operation.CLEAR, "document.revoked", where=LICENCE),
            ),
            attribute(
                "has_licence",
                Type.BOOLEAN,
                Feed(Operation.SET, "document.issued", where=LICENCE, value=True),
            ),
            attribute("region", Type.TEXT, Feed(Operation.LATEST, "moved", field="region")),
            attribute(
                "sex",
                Type.TEXT,
                Feed(Operation.LATEST, "moved", field="sex"),
                values=("female", "male"),
            ),
            attribute("children", Type.INTEGER, Feed(Operation.COUNT, "child.registered")),
            attribute(
                "fines",
                Type.DECIMAL,
                Feed(Operation.SUM, "fine.issued", field="amount"),
                Feed(Operation.SUBTRACT, "fine.paid", field="amount"),
            ),
            attribute("first_seen", Type.DATETIME, Feed(Operation.FIRST_TIME, "moved")),
            attribute("last_seen", Type.DATE, Feed(Operation.LAST_TIME, "moved")),
            attribute(
                "orders",
                Type.STATISTICS,
                Feed(Operation.STATISTICS, "service.ordered", key="service", field="price"),
            ),
            attribute(
                "recent",
                Type.WINDOWED_COUNT,
                Feed(Operation.COUNT, "portal.visited"),
                Feed(Operation.COUNT, "portal.visited", where={"by": "app"}),
                Feed(Operation.COUNT, "portal.called", where={"answered": True}),
                window=WINDOW,
            ),
        )
    }
)
FEEDS = Feeds(SCHEMA)


def event(type_, /, *, hours=0, id="1", **data):
    return Event(
        id=id,
        source="/registry",
        type=type_,
        subject="c1",
        time=START + timedelta(hours=hours),
        data=data,
    )


def folded(*events, on=ARRIVED):
    profile = Profile("c1")
    fold(profile, arrived(events, on), FEEDS)
    return profile


def visit(days_ago, /, *, id="1", type_="portal.visited", **data):
    """An event of the day so many days before ARRIVED."""
    return event(type_, hours=24 * (START_TO_ARRIVED - days_ago) + 23, id=id, **data)
