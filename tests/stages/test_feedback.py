"""Feedback on its way through the stages: kept, folded, and dismissed banners taken away."""

import random
from datetime import UTC, datetime, time, timedelta
from itertools import count, permutations
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core import feedback, lifecycle
from quadrupel.core.contacts import Contact
from quadrupel.core.events import Event
from quadrupel.core.feedback import SOURCE, Action, Given, feedback_event
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.ports import Message
from quadrupel.core.positions import Position
from quadrupel.core.zones import day_in
from quadrupel.rules.declaration import declared as read_declaration
from quadrupel.rules.source import Source
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.publish import Publish
from quadrupel.store import contacts, published, schema
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.tables import banner_feedback, profiles

from .conftest import NOW, SCHEMA, TODAY, evaluator

DECLARED = read_declaration(
    Source(
        "profile.py",
        """
region = Text("Region", latest("moved", "region"))
children = Integer("Children", count("child.registered"))
banners = Statistics(
    "What became of banners",
    statistics("banner.seen", key="banner", name="seen"),
    statistics("banner.clicked", key="banner", name="clicked"),
    statistics("banner.dismissed", key="banner", name="dismissed"),
)
""",
    )
)
CATALOGUE = Catalogue(
    {
        "parent": Offer("parent", "main", 5),
        "moscow": Offer("moscow", "main", 1, dismiss_for=3),
    },
    {"main": 3},
)
FIRST = TODAY.isoformat()


def given(action=Action.DISMISSED, rule="moscow", episode=FIRST, hours=0):
    return Given(rule, episode, action, NOW + timedelta(hours=hours))


class Citizen:
    """A user of whom events and feedback come, and who is evaluated at once."""

    def __init__(self, engine, schema_=DECLARED):
        self.engine, self.schema = engine, schema_
        self.now, self.offsets = NOW, count()
        with transaction(engine) as connection:
            schema.apply(connection, schema_, NOW)
        self.ingest = Ingest(engine, lambda: declared(schema_), lambda: self.now)
        rules = Rules(ProfileStore(schema_), evaluator)
        today = lambda zone: day_in(ZoneInfo(zone or "UTC"), self.now)  # noqa: E731
        self.evaluate = EvaluateProfiles(engine, lambda: rules, today, lambda: self.now)
        self.catalogue = CATALOGUE
        self.publish = Publish(engine, lambda _: self.catalogue, lambda: self.now, 7)

    def delivered(self, outgoing):
        return [Message(*each[:1], 0, next(self.offsets), *each[1:], self.now) for each in outgoing]

    def arriving(self, *events):
        return [
            Message(topics.EVENTS, 0, next(self.offsets), b"c1", encode_event(each), self.now)
            for each in events
        ]

    def take(self, batch):
        outgoing = self.ingest.process(batch)
        changed = [each for each in outgoing if each.topic == topics.PROFILES]
        self.publish.process(self.delivered(self.evaluate.process(self.delivered(changed))))
        return [each for each in outgoing if each.topic == topics.DEAD_LETTERS]

    def happen(self, *events):
        return self.take(self.arriving(*events))

    def gives(self, *all_given, user="c1"):
        return self.happen(*(feedback_event(user, each) for each in all_given))

    def lives_in(self, region):
        self.happen(Event(str(self.now), "/r", "moved", "c1", self.now, {"region": region}))

    def on(self, days):
        self.now = datetime.combine(TODAY + timedelta(days=days), time(12), UTC)

    def state(self):
        with transaction(self.engine) as connection:
            return published.states(connection, ["c1"])["c1"]

    def shown(self):
        return [banner.rule for banner in self.state().published.banners]

    def rows(self):
        with transaction(self.engine) as connection:
            query = sa.select(banner_feedback).order_by(*banner_feedback.primary_key)
            return [tuple(row) for row in connection.execute(query)]

    def profile(self):
        with transaction(self.engine) as connection:
            return ProfileStore(self.schema).read(connection, ["c1"]).get("c1")

    def statistics(self):
        found = self.profile().values.get("banners", {})
        return {key: (each.count, each.first, each.last) for key, each in found.items()}


@pytest.fixture
def citizen(engine):
    return Citizen(engine)


@pytest.fixture(params=[DECLARED, SCHEMA], ids=["declared", "not declared"])
def any_citizen(engine, request):
    """A citizen whose profile counts feedback, and one whose does not."""
    return Citizen(engine, request.param)


def test_a_dismissed_banner_is_gone_whether_or_not_anything_is_declared(any_citizen):
    any_citizen.lives_in("77")
    assert any_citizen.shown() == ["moscow"]
    version = any_citizen.state().published.version
    any_citizen.gives(given())
    assert any_citizen.shown() == []
    state = any_citizen.state()
    assert state.published.version == version + 1
    assert [match.rule for match in state.open_matches] == ["moscow"]
    assert state.published.contains == Position(0, 3)


def test_a_dismissal_wins_over_an_evaluation_whose_worker_has_a_fast_clock(any_citizen):
    any_citizen.now = NOW + timedelta(minutes=1)
    any_citizen.lives_in("77")
    any_citizen.now = NOW
    any_citizen.gives(given())
    assert any_citizen.shown() == []


def test_feedback_counts_like_any_other_event(citizen):
    citizen.gives(given(Action.SEEN, hours=-2), given(Action.SEEN, "parent", hours=-1))
    citizen.gives(given(Action.CLICKED), given(Action.DISMISSED, hours=-1))
    first, second, third = (NOW + timedelta(hours=hours) for hours in (-2, -1, 0))
    assert citizen.statistics() == {
        "moscow.seen": (1, first, first),
        "parent.seen": (1, second, second),
        "moscow.clicked": (1, third, third),
        "moscow.dismissed": (1, second, second),
    }


def test_what_is_told_again_counts_once_and_tells_its_last_time(citizen):
    citizen.gives(given(Action.SEEN, hours=-2))
    citizen.gives(given(Action.SEEN, hours=-1), given(Action.SEEN, hours=-3))
    citizen.on(6)
    citizen.gives(given(Action.SEEN, hours=-2))
    first, then, last = (NOW + timedelta(hours=hours) for hours in (-3, -2, -1))
    assert citizen.statistics() == {"moscow.seen": (1, then, then)}
    assert citizen.rows() == [("c1", "moscow", FIRST, first, last, None, None, None, None)]


def test_a_redelivered_batch_changes_nothing_and_hands_on_again(any_citizen):
    batch = any_citizen.arriving(*(feedback_event("c1", given(each)) for each in Action))
    first = any_citizen.ingest.process(batch)
    kept, profile = any_citizen.rows(), any_citizen.profile()
    assert any_citizen.ingest.process(batch) == first
    assert (any_citizen.rows(), any_citizen.profile()) == (kept, profile)
    assert len(kept) == 1


@pytest.mark.parametrize("seed", range(5))
def test_every_order_and_every_cut_into_batches_comes_to_the_same(engine, seed):
    chance = random.Random(seed)
    all_given = [
        given(chance.choice([*Action]), chance.choice(["moscow", "parent"]), hours=-hours)
        for hours in range(6)
    ]
    events = [feedback_event("c1", each) for each in all_given]
    moved = Event("m", "/r", "moved", "c1", NOW, {"region": "77"})
    outcomes = set()
    for number, order in enumerate(chance.sample([*permutations([*events, moved])], 6)):
        clear(engine)
        citizen = Citizen(engine)
        batch = citizen.arriving(*order)
        cut = number % 7
        for part in (batch[:cut], batch[cut:], batch):
            if part:
                citizen.take(part)
        counts = {key: count_ for key, (count_, *_) in citizen.statistics().items()}
        outcomes.add(str((citizen.rows(), counts)))
    assert len(outcomes) == 1


def clear(engine):
    with transaction(engine) as connection:
        for table in (banner_feedback, profiles):
            connection.execute(sa.delete(table))


def test_a_banner_is_back_after_dismiss_for_and_the_user_is_due_then(citizen):
    citizen.lives_in("77")
    citizen.gives(given())
    citizen.on(2)
    citizen.gives(given(Action.SEEN, "parent"))
    assert citizen.shown() == []
    assert citizen.state().published.due_on == TODAY + timedelta(days=3)
    citizen.on(3)
    citizen.gives(given(Action.CLICKED, "parent"))
    assert citizen.shown() == ["moscow"]


def test_the_days_of_dismiss_for_are_those_of_the_user(citizen):
    with transaction(citizen.engine) as connection:
        contacts.save(connection, [Contact("c1", time_zone="Asia/Vladivostok")], NOW)
    citizen.lives_in("77")
    citizen.now += timedelta(hours=11)  # in the morning of the next day there, and not yet in UTC
    citizen.gives(given(hours=11))
    citizen.on(3)
    citizen.gives(given(Action.SEEN, "parent"))
    assert citizen.shown() == []
    citizen.on(4)
    citizen.gives(given(Action.CLICKED, "parent"))
    assert citizen.shown() == ["moscow"]


def test_a_banner_dismissed_again_in_the_same_episode_is_away_again(citizen):
    citizen.lives_in("77")
    for days in (0, 3, 6):
        citizen.on(days)
        citizen.gives(given(hours=24 * days))
        assert citizen.shown() == []
    assert citizen.statistics()["moscow.dismissed"][0] == 3


def test_a_match_that_returns_as_its_episode_stays_dismissed_and_a_new_one_is_shown(citizen):
    citizen.catalogue = Catalogue({"moscow": Offer("moscow", "main", 1)}, {"main": 3})
    citizen.lives_in("77")
    citizen.gives(given())
    for days, region, shown in (
        (1, "50", []),
        (5, "77", []),
        (6, "50", []),
        (20, "77", ["moscow"]),
    ):
        citizen.on(days)
        citizen.lives_in(region)
        assert citizen.shown() == shown
    assert [match.episode for match in citizen.state().open_matches] == ["2026-12-13"]


def test_feedback_on_what_the_user_is_not_shown_is_kept_and_changes_nothing(any_citizen):
    any_citizen.lives_in("77")
    any_citizen.gives(given(episode="2030-01-01"), given(rule="never_heard_of"))
    assert any_citizen.shown() == ["moscow"]
    assert len(any_citizen.rows()) == 2


def test_what_nobody_was_shown_is_dismissed_for_nobody_else(citizen):
    citizen.lives_in("77")
    citizen.gives(given(), user="c2")
    assert citizen.shown() == ["moscow"]


def ignored():
    return REGISTRY.get_sample_value("quadrupel_banner_feedback_ignored_total")


def test_nobody_fills_the_table_or_the_dead_letters(any_citizen):
    before, limit = ignored(), feedback.MAX_EPISODES
    flood = [given(Action.SEEN, episode=f"made up {n}", hours=-1) for n in range(limit - 1)]
    any_citizen.lives_in("77")
    assert any_citizen.gives(*flood) == []
    version = any_citizen.profile().version
    more = [given(Action.SEEN, episode=f"more {n}") for n in range(5)]
    assert any_citizen.gives(*more[1:], *more[:1], *flood[:1]) == []
    assert len(any_citizen.rows()) == limit
    assert ignored() == before + 4
    assert any_citizen.gives(*more[1:]) == []
    assert ignored() == before + 8
    assert any_citizen.profile().version == version + 1
    assert len(any_citizen.rows()) == limit
    assert len(any_citizen.profile().state.seen) == limit
    any_citizen.gives(given(Action.DISMISSED, episode=more[0].episode))
    assert len(any_citizen.rows()) == limit


def test_an_erasure_takes_feedback_away_and_what_came_before_it_stays_away(any_citizen):
    any_citizen.lives_in("77")
    dismissal = feedback_event("c1", given(hours=-3))
    erased = Event("e", "/r", lifecycle.ERASED, "c1", NOW - timedelta(hours=2), {})
    registered = Event("r", "/r", lifecycle.REGISTERED, "c1", NOW - timedelta(hours=1), {})
    batches = [any_citizen.arriving(dismissal), any_citizen.arriving(erased)]
    for batch in batches:
        any_citizen.take(batch)
    assert any_citizen.rows() == []
    [letter] = any_citizen.happen(feedback_event("c1", given()))
    assert codec.read_dead_letter(*any_citizen.delivered([letter])).reason == "user-erased"
    any_citizen.happen(registered)
    for batch in batches:
        any_citizen.take(batch)
    assert any_citizen.rows() == []
    any_citizen.gives(given(Action.SEEN, "parent"))
    assert [row[1] for row in any_citizen.rows()] == ["parent"]


def test_feedback_before_and_after_an_erasure_in_one_batch(any_citizen):
    before, after = given(hours=-3), given(Action.SEEN, "parent")
    any_citizen.happen(
        feedback_event("c1", before),
        Event("e", "/r", lifecycle.ERASED, "c1", NOW - timedelta(hours=2), {}),
        Event("r", "/r", lifecycle.REGISTERED, "c1", NOW - timedelta(hours=1), {}),
        feedback_event("c1", after),
    )
    assert [row[1] for row in any_citizen.rows()] == ["parent"]


HOSTILE = {
    "another source": ("/crm", {"banner": "moscow", "episode": FIRST}, "reserved"),
    "no banner": (SOURCE, {"episode": FIRST}, "wrong-type"),
    "a banner that is a number": (SOURCE, {"banner": 5, "episode": FIRST}, "wrong-type"),
    "no episode": (SOURCE, {"banner": "moscow"}, "wrong-type"),
    "a long episode": (SOURCE, {"banner": "moscow", "episode": "x" * 257}, "wrong-type"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_only_looks_like_feedback_is_put_aside(any_citizen, kind):
    source, data, reason = HOSTILE[kind]
    any_citizen.lives_in("77")
    forged = Event("1", source, feedback.DISMISSED, "c1", NOW, data)
    [letter] = any_citizen.happen(forged)
    assert codec.read_dead_letter(*any_citizen.delivered([letter])).reason == reason
    assert any_citizen.rows() == []
    assert any_citizen.shown() == ["moscow"]


def test_feedback_is_counted_by_action(citizen):
    def counted():
        name = "quadrupel_banner_feedback_total"
        return [REGISTRY.get_sample_value(name, {"action": each}) or 0.0 for each in Action]

    before = counted()
    citizen.gives(given(Action.SEEN), given(Action.SEEN, "parent"), given(Action.DISMISSED))
    assert counted() == [before[0] + 2, before[1], before[2] + 1]
