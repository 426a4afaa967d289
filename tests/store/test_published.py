import json
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from quadrupel.core.banners import Banner
from quadrupel.core.errors import ConcurrentWrite
from quadrupel.core.matches import Ended, Match
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.positions import Cause, Position
from quadrupel.core.publishing import Stale, decide
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.store import published
from quadrupel.store.database import driver, transaction
from quadrupel.store.tables import matches

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 23)
CATALOGUE = Catalogue({"a": Offer("a", "main", 1), "b": Offer("b", "main", 2)}, {"main": 3})


def evaluation(user, *rules, version=1, day=0, cause=None):
    found = tuple(RuleMatch(rule, None, {"name": 'quote " and ü'}) for rule in rules)
    as_of = DAY + timedelta(days=day)
    return Evaluation(user, version, as_of, NOW, "set", found, cause=cause)


def publish(engine, *evaluations):
    with transaction(engine) as connection:
        states = published.lock(connection, [each.user_id for each in evaluations])
        decisions = [
            decide(
                each, states[each.user_id].published, states[each.user_id].open_matches, CATALOGUE
            )
            for each in evaluations
        ]
        published.save(connection, decisions, NOW)


def state(engine, user):
    with transaction(engine) as connection:
        return published.lock(connection, [user])[user]


def test_who_publishes_the_same_user_later_sees_what_was_saved_before(engine):
    """Between looking and saving, another one must wait; else what is newer is written over."""
    publish(engine, evaluation("c1"))
    newer = threading.Thread(target=publish, args=(engine, evaluation("c1", "b", version=3)))
    with transaction(engine) as connection:
        states = published.lock(connection, ["c1"])
        newer.start()
        newer.join(0.5)  # it would be done by then, if it did not wait
        decision = decide(evaluation("c1", "a", version=2), states["c1"].published, (), CATALOGUE)
        published.save(connection, [decision], NOW)
    newer.join()
    found = state(engine, "c1").published
    assert (found.profile_version, [each.rule for each in found.banners]) == (3, ["b"])


def test_nothing_is_published_of_a_new_user(engine):
    assert state(engine, "c1") == published.UserState(None, ())


def test_what_was_published_comes_back_as_it_went(engine):
    publish(engine, evaluation("c2", "b", "a"), evaluation("c1"))
    found = state(engine, "c2")
    shown = {"name": 'quote " and ü'}
    assert found.published.banners == (
        Banner("b", shown, "2026-11-23"),
        Banner("a", shown, "2026-11-23"),
    )
    assert sorted(found.open_matches, key=lambda match: match.rule) == [
        Match("a", "2026-11-23", DAY, shown),
        Match("b", "2026-11-23", DAY, shown),
    ]
    assert state(engine, "c1").published.version == 1


def stored(engine, user):
    with transaction(engine) as connection:
        query = "SELECT banners::text FROM published WHERE user_id = %s"
        return driver(connection).execute(query, [user]).fetchone()[0]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, '[["a", {"x": "y"}]]'),
        ({"episode": "once"}, '[["a", {"x": "y"}, "once"]]'),
        ({"clients": ("web", "ios")}, '[["a", {"x": "y"}, "", ["web", "ios"]]]'),
        ({"episode": "1", "clients": ("ios",)}, '[["a", {"x": "y"}, "1", ["ios"]]]'),
    ],
)
def test_a_banner_is_stored_without_what_goes_without_saying(engine, more, text):
    decision = decide(evaluation("c1", "a"), None, (), CATALOGUE)
    banners = (Banner("a", {"x": "y"}, **more),)
    decision = decision._replace(published=decision.published._replace(banners=banners))
    with transaction(engine) as connection:
        published.save(connection, [decision], NOW)
    assert stored(engine, "c1") == text
    assert state(engine, "c1").published.banners == banners


def test_a_set_that_was_stored_before_is_the_same_set_when_it_is_decided_again(engine):
    publish(engine, evaluation("c1", "b", "a"))
    shown = {"name": 'quote " and ü'}
    assert json.loads(stored(engine, "c1")) == [[rule, shown, "2026-11-23"] for rule in "ba"]
    publish(engine, evaluation("c1", "b", "a", day=1))
    assert state(engine, "c1").published.version == 1


def test_what_is_contained_comes_back_and_is_saved_alone_where_nothing_else_changed(engine):
    publish(engine, evaluation("c1", "a"), evaluation("c2", cause=Cause(1, 2**63 - 1, NOW)))
    assert state(engine, "c1").published.contains is None
    before = state(engine, "c2").published
    assert before.contains == Position(1, 2**63 - 1)
    with transaction(engine) as connection:
        stale = [Stale("c1", Position(2, 7)), Stale("c2", None)]
        published.save_contained(connection, stale)
        published.save_contained(connection, [])
    assert state(engine, "c1").published.contains == Position(2, 7)
    assert state(engine, "c2").published == before
    publish(engine, evaluation("c1", version=2))
    assert state(engine, "c1").published.contains == Position(2, 7)


def test_a_closed_match_stays_in_the_history_and_can_reopen_on_the_same_day(engine):
    publish(engine, evaluation("c1", "a"))
    publish(engine, evaluation("c1", version=2))
    assert state(engine, "c1").open_matches == ()
    publish(engine, evaluation("c1", "a", version=3))
    assert len(state(engine, "c1").open_matches) == 1
    with transaction(engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(matches)).scalar() == 1


@pytest.mark.parametrize("episode", ['",\\"]', "a\tb\nc", "\\n", "\x01", "null", "\u2028"])
def test_a_match_comes_back_whatever_is_in_its_episode(engine, episode):
    found = (RuleMatch("a", episode, {episode: episode}),)
    for version in (1, 2):
        publish(engine, Evaluation("c1", version, DAY, NOW, "set", found))
        assert state(engine, "c1").open_matches == (Match("a", episode, DAY, {episode: episode}),)
        [banner] = state(engine, "c1").published.banners
        assert banner == Banner("a", {episode: episode}, episode)


def test_a_user_whose_row_somebody_took_away_is_published_again(engine):
    publish(engine, evaluation("c1", "a"), evaluation("c2", "a"))
    publish(engine, evaluation("c1", version=2))
    with transaction(engine) as connection:
        connection.execute(sa.text("DELETE FROM published"))
    publish(engine, evaluation("c1", "a", "b"), evaluation("c2", "a"), evaluation("c3", "a"))
    assert len(state(engine, "c1").open_matches) == 2
    assert len(state(engine, "c2").open_matches) == 1
    assert len(state(engine, "c3").open_matches) == 1


def test_a_user_first_published_by_another_worker_meanwhile_is_a_concurrent_write(engine):
    with transaction(engine) as connection:
        before = published.lock(connection, ["c1"])["c1"]
    publish(engine, evaluation("c1", "a"))
    decision = decide(evaluation("c1", "b"), before.published, before.open_matches, CATALOGUE)
    with pytest.raises(ConcurrentWrite), transaction(engine) as connection:
        published.save(connection, [decision], NOW)
    assert [banner.rule for banner in state(engine, "c1").published.banners] == ["a"]


def test_counts_are_of_open_matches_by_rule(engine):
    publish(engine, evaluation("c1", "a", "b"), evaluation("c2", "a"))
    publish(engine, evaluation("c2", version=2))
    with transaction(engine) as connection:
        assert published.match_counts(connection) == [("a", 1), ("b", 1)]
        assert published.version(connection, "c2") == 2
        assert published.version(connection, "nobody") == 0


def ended(engine, *users, since=0):
    with transaction(engine) as connection:
        return published.ended(connection, list(users), DAY + timedelta(days=since))


def test_of_each_user_and_rule_the_last_match_that_ended_is_found_from_a_day_on(engine):
    publish(engine, evaluation("c1", "a", "b"), evaluation("c2", "a"), evaluation("c3", "a"))
    publish(engine, evaluation("c1", "b", day=2), evaluation("c2", day=3))
    publish(engine, evaluation("c1", "a", "b", day=5))
    assert ended(engine, "c1", "c2", "c3", "nobody") == {
        "c1": {"a": Ended("2026-11-23", DAY + timedelta(days=2))},
        "c2": {"a": Ended("2026-11-23", DAY + timedelta(days=3))},
    }
    publish(engine, evaluation("c1", day=9))
    assert ended(engine, "c1", since=9) == {
        "c1": {
            "a": Ended("2026-11-28", DAY + timedelta(days=9)),
            "b": Ended("2026-11-23", DAY + timedelta(days=9)),
        }
    }
    assert ended(engine, "c1") == ended(engine, "c1", since=9)
    assert ended(engine, "c1", since=10) == ended(engine) == {}


def test_of_matches_that_ended_on_one_day_the_last_is_the_one_that_began_last(engine):
    publish(engine, evaluation("c1", "a"))
    publish(engine, evaluation("c1", version=2, day=1))
    publish(engine, evaluation("c1", "a", version=3, day=1))
    publish(engine, evaluation("c1", version=4, day=1))
    day = DAY + timedelta(days=1)
    assert ended(engine, "c1") == {"c1": {"a": Ended(day.isoformat(), day)}}


def test_a_match_that_returns_is_a_span_of_its_own_with_the_old_episode(engine):
    publish(engine, evaluation("c1", "a"))
    publish(engine, evaluation("c1", day=2))
    with transaction(engine) as connection:
        before = published.lock(connection, ["c1"])["c1"]
        last = published.ended(connection, ["c1"], DAY)["c1"]
        asked = evaluation("c1", "a", day=4)
        decision = decide(asked, before.published, before.open_matches, CATALOGUE, last, 7)
        published.save(connection, [decision], NOW)
    [found] = state(engine, "c1").open_matches
    assert (found.episode, found.opened_on) == ("2026-11-23", DAY + timedelta(days=4))
    with transaction(engine) as connection:
        query = sa.select(matches.c.opened_on, matches.c.closed_on).order_by(matches.c.opened_on)
        spans = [tuple(row) for row in connection.execute(query)]
    assert spans == [(DAY, DAY + timedelta(days=2)), (DAY + timedelta(days=4), None)]


def test_ended_matches_are_found_by_the_primary_key(engine):
    with transaction(engine) as connection:
        raw = driver(connection)
        raw.execute(
            "INSERT INTO matches SELECT 'c' || number / 4, 'rule' || number % 4, '2026-11-23',"
            " '2026-11-23', '2026-11-24', '{}' FROM generate_series(1, 20000) AS number"
        )
        users = ",".join(f"c{number}" for number in range(2_000))
        plan = str(raw.execute("EXPLAIN " + published._ENDED, [users, DAY]).fetchall())
    assert "matches_pkey" in plan
    assert "Seq Scan" not in plan
