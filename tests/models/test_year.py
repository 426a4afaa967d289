"""A year of nights that evaluate only who is due, beside a full evaluation of every day.

Synthetic citizens live through a year: their events come on the day they happen and are evaluated
at once, as by the stages; every night evaluates the users that are due. After it, what is published
of every user is what the row reading says of the whole population on that day: the rules that hold,
since when, what they show, and the banners without those that citizens dismissed: for good, or for
some days. Those that must be shown stay.

A population of 5,000 is `YEAR_USERS=5000`, which takes some 20 to 30 minutes; by default it is
smaller.
"""

import os
import shutil
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from quadrupel.population import events
from quadrupel.rules import catalogue
from quadrupel.store import schema
from quadrupel.store.database import open_engine, transaction

from .portal import Portal

USERS = int(os.environ.get("YEAR_USERS", "30"))
START = date(2026, 11, 23)
DAYS = 366
FLAPPING = '''
"""It holds by fits and starts: gaps of 3 days are the same episode, gaps of 8 are not."""
owner = "portal"
banner = Banner(placement="main", priority=1, link="/x", title={"en": "Again", "ru": "Опять"})
def matches(user, today):
    return user.sex == "female" and (today - user.birth_date) % 23 in [0, 1, 5, 14]
examples = [
    match(today="2026-11-23", birth_date="2026-11-18", sex="female"),
    no_match(today="2026-11-23", birth_date="2026-11-21", sex="female"),
    unknown(today="2026-11-23"),
]
'''
PAUSING = '''
"""It holds for weeks, and who dismisses it is shown it again after 9 days."""
owner = "portal"
banner = Banner(
    placement="sidebar", priority=100, link="/x", title={"en": "Again", "ru": "Опять"},
    dismiss_for=days(9),
)
def matches(user, today):
    return (today - user.birth_date) % 90 < 60
examples = [
    match(today="2026-11-23", birth_date="2026-11-18"),
    no_match(today="2026-11-23", birth_date="2026-09-18"),
    unknown(today="2026-11-23"),
]
'''
END = START + timedelta(days=DAYS)


@pytest.fixture
def rules(tmp_path):
    """The shipped rules, one that flaps, as hardly any of them does within a year, and one that
    says for how long it may be dismissed."""
    folder = tmp_path / "rules"
    shutil.copytree(Path(__file__).parents[2] / "rules", folder)
    (folder / "notices" / "flapping.py").write_text(FLAPPING)
    (folder / "notices" / "pausing.py").write_text(PAUSING)
    return catalogue.load(folder)


@pytest.fixture
def portal(shared_url, rules):
    engine = open_engine(shared_url)
    with transaction(engine) as connection:
        schema.apply(connection, rules.schema, datetime.now(UTC))
    yield Portal(engine, rules, START)
    engine.dispose()


@pytest.mark.timeout(3_600)
def test_a_year_of_due_nights_is_a_year_of_full_evaluations(portal):
    by_day = defaultdict(list)
    for event in events(USERS, 11, END):
        by_day[max(event.time.date(), START)].append(event)
    for number in range(DAYS):
        portal.today = START + timedelta(days=number)
        portal.night()
        portal.check()  # a match may hold between the night and an event of the day
        portal.happen(by_day[portal.today])
        portal.dismiss()
        portal.check()
    # Nights that evaluate everybody would prove nothing, nor would matches that never return, or
    # banners that nobody dismisses or that are never back.
    assert 0 < portal.evaluated < 0.5 * DAYS * USERS
    assert portal.returns > USERS
    assert portal.kept_away > 10 * USERS
    assert portal.back > USERS
