from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from quadrupel.core.errors import ConcurrentWrite
from quadrupel.core.matches import Match
from quadrupel.core.positions import Cause, Position
from quadrupel.core.publishing import Catalogue, Offer, Stale, decide
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.store import published
from quadrupel.store.database import transaction
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


def test_nothing_is_published_of_a_new_user(engine):
    assert state(engine, "c1") == published.UserState(None, ())


def test_what_was_published_comes_back_as_it_went(engine):
    publish(engine, evaluation("c2", "b", "a"), evaluation("c1"))
    found = state(engine, "c2")
    shown = {"name": 'quote " and ü'}
    assert found.published.banners == (("b", shown), ("a", shown))
    assert sorted(found.open_matches, key=lambda match: match.rule) == [
        Match("a", "2026-11-23", DAY, shown),
        Match("b", "2026-11-23", DAY, shown),
    ]
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
        assert state(engine, "c1").published.banners == (("a", {episode: episode}),)


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
    assert [rule for rule, _ in state(engine, "c1").published.banners] == ["a"]


def test_counts_are_of_open_matches_by_rule(engine):
    publish(engine, evaluation("c1", "a", "b"), evaluation("c2", "a"))
    publish(engine, evaluation("c2", version=2))
    with transaction(engine) as connection:
        assert published.match_counts(connection) == [("a", 1), ("b", 1)]
        assert published.version(connection, "c2") == 2
        assert published.version(connection, "nobody") == 0
