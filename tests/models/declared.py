"""A small declaration with every operation: as authors write it, and in plain words."""

from quadrupel.rules.declaration import declared
from quadrupel.rules.source import Source

DECLARATION = """
licence_expires = Date(
    "Until when the driving licence holds",
    latest("document.issued", "expires", where={"kind": "driving_licence"}),
    clear("document.revoked", where={"kind": "driving_licence"}),
)
has_licence = Boolean(
    "Whether there is a driving licence",
    set("document.issued", True, where={"kind": "driving_licence"}),
    set("document.revoked", False, where={"kind": "driving_licence"}),
)
region = Text("Where", latest("moved", "region"))
sex = Text("As in the register", latest("moved", "sex"), values=["female", "male"])
called_at = DateTime("When last", latest("portal.called", "at"))
level = Integer("Which", latest("level.given", "level"), set("level.reset", 0), clear("level.lost"))
checked = Integer("By whom", latest("checked", "by"))
since = Date("Since when", latest("user.registered", "since"))
children = Integer("How many", count("child.registered"))
points = Integer("How many", sum("points.given", "points"), subtract("points.taken", "points"))
fines = Decimal("How much", sum("fine.issued", "amount"), subtract("fine.paid", "amount"))
urgent_fines = Integer(
    "How many", count("fine.issued", where={"via": "app", "urgent": True, "step": 1})
)
first_moved = DateTime("When", first_time("moved"))
last_moved = Date("When", last_time("moved"))
first_fined = Date("When", first_time("fine.issued", where={"via": "app"}))
last_fined = DateTime("When", last_time("fine.issued", where={"via": "app"}))
orders = Statistics("What", statistics("service.ordered", key="service", sum="price"))
pages = Statistics("Which", statistics("portal.visited", key="page"))
recent = WindowedCount(
    "How often",
    count("portal.visited"),
    count("portal.visited", where={"page": "a"}),
    count("portal.called", where={"answered": True}),
    days=3,
)
recent_fines = WindowedCount("How many", count("fine.issued"), days=10)
"""


def feed(operation, event, field=None, *, where=(), key=None, value=None):
    return {
        "operation": operation,
        "event": event,
        "field": field,
        "where": dict(where),
        "key": key,
        "value": value,
    }


LICENCE = {"kind": "driving_licence"}
APP = {"via": "app"}
URGENT = {"via": "app", "urgent": True, "step": 1}
ANSWERED = {"answered": True}

IN_WORDS = {
    "licence_expires": (
        "date",
        feed("latest", "document.issued", "expires", where=LICENCE),
        feed("clear", "document.revoked", where=LICENCE),
    ),
    "has_licence": (
        "boolean",
        feed("set", "document.issued", value=True, where=LICENCE),
        feed("set", "document.revoked", value=False, where=LICENCE),
    ),
    "region": ("text", feed("latest", "moved", "region")),
    "sex": ("sex", feed("latest", "moved", "sex")),
    "called_at": ("moment", feed("latest", "portal.called", "at")),
    "level": (
        "integer",
        feed("latest", "level.given", "level"),
        feed("set", "level.reset", value=0),
        feed("clear", "level.lost"),
    ),
    "checked": ("integer", feed("latest", "checked", "by")),
    "since": ("date", feed("latest", "user.registered", "since")),
    "children": ("integer", feed("count", "child.registered")),
    "points": (
        "integer",
        feed("sum", "points.given", "points"),
        feed("subtract", "points.taken", "points"),
    ),
    "fines": (
        "decimal",
        feed("sum", "fine.issued", "amount"),
        feed("subtract", "fine.paid", "amount"),
    ),
    "urgent_fines": ("integer", feed("count", "fine.issued", where=URGENT)),
    "first_moved": ("moment", feed("first_time", "moved")),
    "last_moved": ("date", feed("last_time", "moved")),
    "first_fined": ("date", feed("first_time", "fine.issued", where=APP)),
    "last_fined": ("moment", feed("last_time", "fine.issued", where=APP)),
    "orders": ("statistics", feed("statistics", "service.ordered", "price", key="service")),
    "pages": ("statistics", feed("statistics", "portal.visited", key="page")),
    "recent": (
        3,
        feed("count", "portal.visited"),
        feed("count", "portal.visited", where={"page": "a"}),
        feed("count", "portal.called", where=ANSWERED),
    ),
    "recent_fines": (10, feed("count", "fine.issued")),
}
"""By attribute: its type, or the days of its window; then its feeds."""

_SOURCE = Source("profile.py", DECLARATION)
SCHEMA = declared(_SOURCE)
assert not _SOURCE.problems, _SOURCE.problems
