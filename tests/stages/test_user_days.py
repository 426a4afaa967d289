"""Users in other time zones: the day they are evaluated on, their nights, and moves."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from quadrupel.bus import codec, topics
from quadrupel.core.contacts import Contact
from quadrupel.core.profiles import Profile
from quadrupel.core.publishing import decide
from quadrupel.core.zones import day_in, find_zone, nights_by
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.schedule import Schedule, fan_out
from quadrupel.store import contacts, published, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.range_pages import Part, RangePages
from quadrupel.store.run_users import due_days, zone_users
from quadrupel.testing import MemoryBus

from .conftest import CATALOGUE, SCHEMA, evaluator

MOSCOW = ZoneInfo("Europe/Moscow")
AT = time(2, 30)
STORE = ProfileStore(SCHEMA)
RULES = Rules(STORE, evaluator)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""The afternoon of the 23rd in Moscow; in Kiritimati the 24th has begun."""

ZONES = {"e": "Pacific/Kiritimati", "m": "Europe/Moscow", "n": None, "w": "Pacific/Niue"}
"""Of the users, from east to west; x has no contact."""


def live(engine, user, zone):
    with transaction(engine) as connection:
        contacts.save(connection, [Contact(user, None, None, {}, None, zone)], NOON)


@pytest.fixture
def users(applied):
    with transaction(applied) as connection:
        STORE.write(connection, [Profile(user, 1, {"children": 1}) for user in "emnwx"], NOON)
    for user, zone in ZONES.items():
        live(applied, user, zone)
    return applied


def evaluated(engine, delivered, now, *changed):
    """Evaluate changed profiles at an instant, as the stage does."""

    def today(zone):
        return day_in(find_zone(zone) or MOSCOW, now)

    work = EvaluateProfiles(engine, lambda: RULES, today, lambda: now)
    verdicts = delivered(work.process(delivered(changed)))
    return {each.user_id: each for each in map(codec.read_verdicts, verdicts)}


def days(evaluations):
    return {user: each.as_of.day for user, each in evaluations.items()}


def everybody():
    return [codec.changed_profile(user) for user in "emnwx"]


def test_a_changed_profile_is_evaluated_on_the_day_it_is_for_the_user(users, delivered):
    found = evaluated(users, delivered, NOON, *everybody())
    assert days(found) == {"e": 24, "m": 23, "n": 23, "w": 23, "x": 23}
    morning = NOON - timedelta(hours=2)
    found = evaluated(users, delivered, morning, *everybody())
    assert days(found) == {"e": 24, "m": 23, "n": 23, "w": 22, "x": 23}


def test_the_day_asked_for_is_the_least(users, delivered):
    asked = [codec.changed_profile(user, date(2026, 11, 24)) for user in "ew"]
    earlier = codec.changed_profile("m", date(2026, 11, 1))
    found = evaluated(users, delivered, NOON, *asked, earlier, codec.changed_profile("w"))
    assert days(found) == {"e": 24, "w": 24, "m": 23}


def test_a_zone_that_is_known_no_more_is_as_none(users, delivered):
    live(users, "e", "Mars/Base")
    found = evaluated(users, delivered, NOON, codec.changed_profile("e"))
    assert days(found) == {"e": 23}


@pytest.fixture
def bus():
    bus = MemoryBus()
    bus.admin().create(topics.topics(2))
    return bus


@pytest.fixture
def nightly(users, bus, small_rules):
    """Makes a schedule that looks at an instant."""

    def made(now):
        return Schedule(users, bus.producer(), lambda: small_rules, 10, AT, MOSCOW, lambda: now)

    return made


@pytest.fixture
def nights(users, bus, nightly, small_pages):
    """Starts the nights of an instant and evaluates them; says who was on which day, by run."""
    consumer = bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
    verdicts = bus.consumer(topics.VERDICTS, "test")

    def work(now):
        lane = EvaluateRanges(
            *(users, small_pages, bus.producer(), consumer, "w", lambda: now), own=MOSCOW
        )
        schedule = nightly(now)
        schedule.start_nights()
        fan_out(users, bus.producer(), now)
        while messages := consumer.poll(1, 0.01):
            assert lane.process(messages) == []
            consumer.commit()
        found = verdicts.poll(100, 0.01)
        verdicts.commit()
        return sorted((each.user_id, each.as_of.day) for each in map(codec.read_verdicts, found))

    return work


def ledger(engine):
    with transaction(engine) as connection:
        rows = connection.exec_driver_sql("SELECT run, zone, kind FROM runs ORDER BY run")
        return [tuple(row) for row in rows]


def started(engine):
    return [run for run, *_ in ledger(engine)]


def test_each_zone_has_its_night_at_its_time_and_once(users, nightly):
    schedule = nightly(NOON)
    for _ in range(2):
        schedule.start_nights()
        nightly(NOON).start_nights()
    assert started(users) == ["nightly-2026-11-23"]
    nightly(NOON + timedelta(minutes=30)).start_nights()
    assert started(users) == ["nightly-2026-11-23", "nightly-2026-11-24@Pacific/Kiritimati"]
    nightly(NOON + timedelta(hours=1, minutes=30)).start_nights()
    assert started(users) == [
        "nightly-2026-11-23",
        "nightly-2026-11-23@Pacific/Niue",
        "nightly-2026-11-24@Pacific/Kiritimati",
    ]


def test_a_zone_that_a_first_user_moves_to_has_a_night_today(users, nightly):
    schedule = nightly(NOON)
    schedule.start_nights()
    live(users, "n", "Asia/Omsk")
    schedule.start_nights()
    assert started(users) == ["nightly-2026-11-23", "nightly-2026-11-23@Asia/Omsk"]


def test_the_nights_of_all_zones_evaluate_everybody_once_and_each_on_the_users_day(users, nights):
    assert nights(NOON) == [("m", 23), ("n", 23), ("x", 23)]
    assert nights(NOON + timedelta(minutes=30)) == [("e", 24)]
    assert nights(NOON + timedelta(hours=1, minutes=30)) == [("w", 23)]
    with transaction(users) as connection:
        counts = {each.run: (each.state, each.users) for each in runs.latest(connection, 10)}
    assert counts == {
        "nightly-2026-11-23": ("finished", 3),
        "nightly-2026-11-24@Pacific/Kiritimati": ("finished", 1),
        "nightly-2026-11-23@Pacific/Niue": ("finished", 1),
    }


def test_a_night_should_have_ended_by_the_morning_of_its_zone(users, nightly):
    nightly(NOON + timedelta(minutes=30)).start_nights()
    with transaction(users) as connection:
        ends = {each.run: each.deadline for each in runs.latest(connection, 10)}
    assert ends == {
        "nightly-2026-11-23": datetime(2026, 11, 24, 4, tzinfo=UTC),
        "nightly-2026-11-24@Pacific/Kiritimati": datetime(2026, 11, 23, 17, tzinfo=UTC),
    }


def test_which_rules_everybody_was_asked_is_known_by_zone(users, nights):
    for day in range(2):
        nights(NOON + timedelta(days=day, minutes=30))
    assert ledger(users) == [
        ("nightly-2026-11-23", "Europe/Moscow", "full"),
        ("nightly-2026-11-24", "Europe/Moscow", "due"),
        ("nightly-2026-11-24@Pacific/Kiritimati", "Pacific/Kiritimati", "full"),
        ("nightly-2026-11-25@Pacific/Kiritimati", "Pacific/Kiritimati", "due"),
    ]


def test_a_run_over_all_users_counts_for_every_zone(users, nights, small_rules):
    for user in ZONES:
        live(users, user, None)
    assert len(nights(NOON)) == 5
    live(users, "e", "Pacific/Kiritimati")
    nights(NOON + timedelta(minutes=30))
    assert ledger(users) == [
        ("nightly-2026-11-23", None, "full"),
        ("nightly-2026-11-24@Pacific/Kiritimati", "Pacific/Kiritimati", "due"),
    ]


class Traveller:
    """A user who is due on every day, at home in a zone; and all nights of an hourly look."""

    def __init__(self, engine, delivered):
        self.engine, self.delivered = engine, delivered
        self.nights, self.days = set(), []

    def live_in(self, zone):
        live(self.engine, "n", zone)

    def until(self, since, hours):
        """Let so many hours pass; every night that comes takes whom it finds due, and publishes."""
        with transaction(self.engine) as connection:
            zones = contacts.time_zones(connection)  # nobody moves meanwhile
        for hour in range(hours):
            now = since + timedelta(hours=hour)
            for night in nights_by(zones, MOSCOW, AT, now):
                if night.name not in self.nights:
                    self.nights.add(night.name)
                    self._run(night, tuple(set(zones) - {MOSCOW.key}), now)

    def _run(self, night, others, now):
        of = night.zone and zone_users(night.zone, others, MOSCOW)
        with transaction(self.engine) as connection:
            due = due_days(connection, night.day)
            page = RangePages([], 1).read(connection, Part(due=due, of=of), 100)
        if "n" in page["user_id"]:
            self.days.append(night.day.day)
            self.publish(night.day, now)

    def publish(self, day, now):
        evaluation = evaluator(Profile("n", 1, {"children": 1}), day, now)
        evaluation = replace(evaluation, due_on=day + timedelta(days=1))
        with transaction(self.engine) as connection:
            state = published.lock(connection, ["n"])["n"]
            decision = decide(evaluation, state.published, state.open_matches, CATALOGUE)
            published.save(connection, [decision], now)


@pytest.fixture
def traveller(users, delivered):
    traveller = Traveller(users, delivered)
    traveller.live_in("Europe/Moscow")
    traveller.publish(date(2026, 11, 22), NOON - timedelta(days=1))
    return traveller


def test_who_stays_is_evaluated_once_each_night(traveller):
    traveller.until(NOON, 100)
    assert traveller.days == [23, 24, 25, 26, 27]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Niue", None])
@pytest.mark.parametrize("hours", range(0, 24, 3))
def test_who_moves_is_evaluated_for_each_day_once_wherever_to_and_whenever(traveller, zone, hours):
    """Where a night comes twice the second finds nobody due; where one is missed, the next does."""
    traveller.until(NOON, 24 + hours)
    traveller.live_in(zone)
    moved = NOON + timedelta(hours=24 + hours)
    traveller.until(moved, 72)
    seen = traveller.days
    steps = {after - before for before, after in pairwise(seen)}
    assert steps <= {1, 2}
    yesterday = day_in(find_zone(zone) or MOSCOW, moved + timedelta(hours=71)) - timedelta(days=1)
    assert seen[-1] >= yesterday.day


def test_who_moves_west_after_a_night_is_not_due_in_the_night_of_the_same_day_there(traveller):
    traveller.until(NOON, 12)  # the 24th has begun in Moscow, but its night has not come
    traveller.until(NOON + timedelta(hours=12), 3)
    assert traveller.days == [23, 24]
    traveller.live_in("Pacific/Niue")
    traveller.until(NOON + timedelta(hours=15), 24)
    assert "nightly-2026-11-24@Pacific/Niue" in traveller.nights
    assert traveller.days == [23, 24]
