"""Spans of nights that evaluate only who is due, by random rules, beside a full evaluation a day.

Several rules at once and many profiles: a night asks the users who are due, by all rules, and finds
out when they are due again. On every day what is known of everybody is what the rows say.

First the readings by themselves; then whole rules through publish, with events between the nights:
what is published of everybody is what a full evaluation of that day says.
"""

import os
import random
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quadrupel.core.events import Event
from quadrupel.core.verdicts import NEVER_DUE
from quadrupel.rules import catalogue, columnar_deadline
from quadrupel.rules.columnar import VERDICTS, Query, frame_of
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import predicate_reading
from quadrupel.store import schema as columns
from quadrupel.store import tables
from quadrupel.store.database import transaction
from tests.models.portal import Portal

from .test_agreement import PREDICATES, SEEDS, some_day, some_profiles, some_today

NIGHTS = 40
USERS = 15


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(texts=st.lists(PREDICATES, min_size=1, max_size=4, unique=True), seed=SEEDS)
def test_who_is_not_due_is_what_a_full_evaluation_says(schema, monkeypatch, texts, seed):
    monkeypatch.setattr(columnar_deadline, "SOME", 1)
    rng = random.Random(seed)
    today = some_today(rng)
    predicates = {text: parse_expression(text, schema) for text in texts}
    profiles = [
        profile
        for predicate in predicates.values()
        for profile in some_profiles(rng, schema, predicate, today)[:USERS]
    ]
    trees = {text: predicate.tree for text, predicate in predicates.items()}
    query, deadlines = Query(trees), ColumnarDeadlines(trees)
    readings = {text: predicate_reading(each) for text, each in predicates.items()}
    known, due = [{} for _ in profiles], [today for _ in profiles]
    for night in range(NIGHTS):
        day = today + timedelta(days=night)
        asked = [number for number, on in enumerate(due) if on <= day]
        frame = frame_of([profiles[number] for number in asked], query.columns)
        codes = query.evaluate(frame, day).rows(named=True)
        again = deadlines.earliest(frame, day).fill_null(NEVER_DUE)
        for number, found, on in zip(asked, codes, again, strict=True):
            known[number] = {text: VERDICTS[code] for text, code in found.items()}
            due[number] = on
        for profile, verdicts in zip(profiles, known, strict=True):
            for text, reading in readings.items():
                says = reading(profile.values, day)
                assert verdicts[text] is says, f"{text} on {day} for {profile.values}"


RULE = """
'''A generated rule.'''
owner = "team"
banner = Banner(
    placement="main", priority={priority}, link="/x", title={{"en": "{title}", "ru": "{title}"}},
    {more}
)
{named}

def matches(user, today):
    return {predicate}

examples = [match(today="2026-11-23"), no_match(today="2026-11-24"), unknown(today="2026-11-25")]
"""
KINDS = (
    {"title": "x", "more": "", "named": "", "predicate": "{}"},
    {"title": "x", "more": "dismiss_for=days(4),", "named": "", "predicate": "{}"},
    {
        "title": "{expires}",
        "more": "",
        "named": 'once_per = "expires"',
        "predicate": "is_known(user.expires) and ({})",
    },
)
"""Rules that are dismissed for good, or for some days, and whose episodes the profile names."""

CITIZENS, SPAN = 8, 20
TIMES = int(os.environ.get("MODEL_TIMES", "1"))
SPANS = 6 * TIMES


def write_rules(folder, texts):
    """Rules of all kinds in turn, in the place of those that were there before."""
    for path in (folder / "people").iterdir():
        path.unlink()
    for number, text in enumerate(texts):
        kind = KINDS[number % len(KINDS)]
        predicate = kind["predicate"].format(text)
        script = RULE.format(**kind | {"priority": 1 + number % 3, "predicate": predicate})
        (folder / "people" / f"rule_{number}.py").write_text(script)
    return catalogue.load(folder)


def some_event(rng, day, number):
    """An event that comes on that day, of a user; some are late."""
    near = [some_day(rng, day, wild=False).isoformat() for _ in range(3)]
    about = {
        "person.registered": {"born": near[0], "sex": rng.choice(["female", "male"])},
        "document.issued": {"expires": near[1], "issued": near[2], "kind": "licence"},
        "document.revoked": {},
        "person.scored": {
            "points": rng.randrange(-3, 20),
            "level": rng.randrange(4),
            "vip": rng.random() < 0.5,
        },
        "person.seen": {},
        "person.left": {},
        "person.visited": {},
        "person.moved": {"region": rng.choice(["77", "50", "16"])},
        "bill.sent": {"amount": rng.randrange(9)},
        "bill.paid": {"amount": rng.randrange(9)},
        "income.declared": {"amount": rng.choice([Decimal("0.01"), Decimal("0.5"), 3])},
        "service.ordered": {"service": rng.choice("ab"), "price": rng.randrange(9)},
        "deed.done": {"deed": rng.choice("ab")},
        "deed.undone": {"deed": rng.choice("ab")},
    }
    type_ = rng.choice(sorted(about))
    at = datetime.combine(day - timedelta(days=rng.choice([0, 0, 0, 1, 29, 40])), time(10), UTC)
    user_id = f"u{rng.randrange(CITIZENS)}"
    return Event(f"e{number}", "/generated", type_, user_id, at, about[type_])


def forget_users(engine):
    """Leave a database in which nobody is."""
    with transaction(engine) as connection:
        for table in tables.metadata.sorted_tables:
            if "user_id" in table.columns:
                connection.execute(sa.text(f"TRUNCATE {table.name}"))


@pytest.mark.slow
@pytest.mark.timeout(300 * TIMES)
def test_nights_of_who_is_due_and_events_between_publish_what_full_evaluations_say(
    engine, folder, schema, monkeypatch
):
    monkeypatch.setattr(columnar_deadline, "SOME", 1)
    with transaction(engine) as connection:
        columns.apply(connection, schema, datetime.now(UTC))
    portals = []

    @settings(
        max_examples=SPANS,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(texts=st.lists(PREDICATES, min_size=6, max_size=9, unique=True), seed=SEEDS)
    def live(texts, seed):
        rng = random.Random(seed)
        forget_users(engine)
        portal = Portal(engine, write_rules(folder, texts), some_today(rng))
        portals.append(portal)
        portal.happen([some_event(rng, portal.today, number) for number in range(8 * CITIZENS)])
        portal.check()
        for night in range(1, SPAN):
            portal.today += timedelta(days=1)
            portal.night()
            portal.check()
            happens = rng.choice([0, 0, 1, 3])
            portal.happen([some_event(rng, portal.today, 1000 * night + n) for n in range(happens)])
            portal.dismiss()
            portal.check()

    live()
    # Nights that evaluate everybody would prove nothing, nor would rules that hold for
    # nobody, or banners that nobody dismisses.
    assert 0 < sum(each.evaluated for each in portals) < 0.8 * len(portals) * SPAN * CITIZENS
    assert sum(each.held for each in portals) > 0
    assert sum(each.kept_away for each in portals) > 0
