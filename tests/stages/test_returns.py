"""A rule that flaps, through ingest, evaluate and publish, and in the rehearsal of a run."""

from datetime import UTC, date, datetime, time, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from quadrupel.bus import message_codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core.events import Event
from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.ports import Outgoing
from quadrupel.core.profiles import Profile
from quadrupel.core.publishing import Published
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.zones import UTC_ZONE
from quadrupel.stages.decisions import decide_all
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.publish import Publish
from quadrupel.stages.rehearsal import rehearse
from quadrupel.store import published
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.tables import matches, messages

from .conftest import NOW, SCHEMA, TODAY, evaluator

REOPEN_DAYS = 7
CATALOGUE = Catalogue(
    {"moscow": Offer("moscow", "main", 1, messages=(("email", "moscow"),))}, {"main": 3}
)


class Citizen:
    """Somebody who moves to Moscow and away, and what is published and sent of it."""

    def __init__(self, engine, delivered, reopen_days=REOPEN_DAYS):
        self.engine, self.delivered, self.day, self.number = engine, delivered, 0, 0
        rules = Rules(ProfileStore(SCHEMA), evaluator)
        self.ingest = Ingest(engine, lambda: declared(SCHEMA), self.now)
        self.evaluate = EvaluateProfiles(engine, lambda: rules, lambda _: self.today, self.now)
        self.publish = Publish(engine, lambda _: CATALOGUE, self.now, reopen_days)

    @property
    def today(self):
        return TODAY + timedelta(days=self.day)

    def now(self):
        return datetime.combine(self.today, time(12), UTC)

    def changes(self, day, region):
        """An event of the day, up to the profile: what goes to evaluate."""
        self.day, self.number = day, self.number + 1
        at = self.now() - timedelta(seconds=60 - self.number)
        moved = Event(str(self.number), "/registry", "moved", "c1", at, {"region": region})
        [message] = self.delivered([Outgoing(topics.EVENTS, b"c1", encode_event(moved))])
        return self.ingest.process([message._replace(timestamp=self.now())])

    def moves(self, day, region):
        """An event of the day, up to the banner; gives the episodes of messages handed over."""
        self.verdicts = self.delivered(
            self.evaluate.process(self.delivered(self.changes(day, region)))
        )
        return self.published()

    def published(self):
        """Publish the last verdicts, be it once more."""
        handed = self.delivered(self.publish.process(self.verdicts))
        return [message_codec.read_message(each).episode for each in handed]

    def spans(self):
        """The matches: by episode, from when to when, in days."""
        with transaction(self.engine) as connection:
            rows = connection.execute(sa.select(matches).order_by(matches.c.opened_on)).all()
        return [
            (
                row.episode,
                (row.opened_on - TODAY).days,
                row.closed_on and (row.closed_on - TODAY).days,
            )
            for row in rows
        ]

    def sent(self):
        with transaction(self.engine) as connection:
            return list(connection.scalars(sa.select(messages.c.episode).order_by("episode")))


@pytest.fixture
def citizen(applied, delivered):
    return Citizen(applied, delivered)


FIRST = "2026-11-23"


def test_a_match_that_flaps_is_told_once_and_after_the_time_once_more(citizen):
    assert citizen.moves(0, "77") == [FIRST]
    assert citizen.moves(2, "50") == []
    assert citizen.moves(9, "77") == []
    assert citizen.moves(10, "50") == []
    assert citizen.moves(12, "77") == []
    assert citizen.sent() == [FIRST]
    assert citizen.moves(13, "50") == []
    assert citizen.moves(21, "77") == ["2026-12-14"]
    assert citizen.sent() == [FIRST, "2026-12-14"]
    assert citizen.spans() == [
        (FIRST, 0, 2), (FIRST, 9, 10), (FIRST, 12, 13), ("2026-12-14", 21, None)
    ]  # fmt: skip


def test_a_return_that_is_redelivered_is_still_told_once(citizen):
    citizen.moves(0, "77")
    citizen.moves(1, "50")
    for _ in range(2):
        assert citizen.moves(2, "77") == []
        assert citizen.published() == [FIRST]  # the first one, which was never sent here
    assert citizen.sent() == [FIRST]
    assert citizen.spans() == [(FIRST, 0, 1), (FIRST, 2, None)]


def test_a_return_on_the_same_day_is_the_same_row(citizen):
    for region in ("77", "50", "77", "50", "77"):
        citizen.moves(0, region)
    assert (citizen.spans(), citizen.sent()) == ([(FIRST, 0, None)], [FIRST])


def test_with_no_days_every_return_is_told(applied, delivered):
    citizen = Citizen(applied, delivered, reopen_days=0)
    for day, region in enumerate(("77", "50", "77")):
        citizen.moves(day, region)
    assert citizen.sent() == [FIRST, "2026-11-25"]


@pytest.mark.parametrize(("day", "told"), [(9, {}), (10, {"email": 1})])
def test_a_rehearsal_counts_the_messages_that_the_run_sends(citizen, small_pages, day, told):
    citizen.moves(0, "77")
    citizen.moves(2, "50")
    changed = citizen.changes(day, "77")
    found = rehearse(
        citizen.engine,
        small_pages("set"),
        CATALOGUE,
        RunPlan(RunKind.FULL),
        citizen.today,
        citizen.now(),
        reopen_days=REOPEN_DAYS,
        own=UTC_ZONE,
    )
    assert (found.opened, found.messages) == ({"moscow": 1}, told)
    citizen.verdicts = citizen.delivered(citizen.evaluate.process(citizen.delivered(changed)))
    assert len(citizen.published()) == sum(told.values())


def test_of_users_of_whom_nothing_may_return_no_ended_match_is_read(applied):
    """There is no table of matches, so whoever read it would fail."""
    muscovite, nobody = (
        evaluator(Profile("c1", 1, values), TODAY, NOW) for values in ({"region": "77"}, {})
    )
    before = Published(1, 1, TODAY, NOW, ())
    still = published.UserState(before, (Match("moscow", FIRST, TODAY, {}),))
    may_return = published.UserState(before, ())
    with applied.connect() as connection:
        connection.execute(sa.text("ALTER TABLE matches RENAME TO gone"))
        for asked, state in (
            (muscovite, published.UserState(None, ())),
            (muscovite, still),
            (nobody, still),
            (nobody, may_return),
        ):
            [decision] = decide_all(
                connection, [asked], {"c1": state}, CATALOGUE, REOPEN_DAYS, UTC_ZONE
            )
            assert decision.user_id == "c1"
        with pytest.raises(psycopg.errors.UndefinedTable):
            decide_all(
                connection, [muscovite], {"c1": may_return}, CATALOGUE, REOPEN_DAYS, UTC_ZONE
            )


def test_of_users_for_whom_nothing_holds_no_dismissal_is_read():
    """There is no connection, so whoever read would fail."""
    nobody, muscovite = (
        evaluator(Profile("c1", 1, values), TODAY, NOW) for values in ({}, {"region": "77"})
    )
    state = published.UserState(Published(1, 1, TODAY, NOW, ()), ())
    [decision] = decide_all(None, [nobody], {"c1": state}, CATALOGUE, REOPEN_DAYS, UTC_ZONE)
    assert decision.held == ()
    new = published.UserState(None, ())
    with pytest.raises(AttributeError):
        decide_all(None, [muscovite], {"c1": new}, CATALOGUE, REOPEN_DAYS, UTC_ZONE)


def test_the_first_day_of_the_calendar_has_days_before_it_too(applied):
    early = evaluator(Profile("c1", 1, {"region": "77"}), date.min, NOW)
    state = published.UserState(Published(1, 1, date.min, NOW, ()), ())
    with transaction(applied) as connection:
        [decision] = decide_all(
            connection, [early], {"c1": state}, CATALOGUE, REOPEN_DAYS, UTC_ZONE
        )
    assert decision.held == ("moscow",)
