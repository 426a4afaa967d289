"""`quadrupel run`: who is evaluated, what a dry run says, and what verifying finds."""

import json

import psycopg
import pytest


@pytest.fixture
def portal(quadrupel, database_url):
    """A portal with forty synthetic citizens, of whom nothing is published."""
    for command in (("db", "migrate"), ("profile", "apply"), ("bus", "create")):
        assert quadrupel(*command, database_url=database_url).code == 0
    return quadrupel


def test_a_dry_run_of_an_empty_portal_changes_nothing(portal):
    called = portal("run", "start", "--dry-run", "--json")
    assert called.code == 0
    assert json.loads(called.out)["users"] == 0


def test_verify_asks_for_a_run_first(portal):
    called = portal("run", "verify")
    assert called.code == 1
    assert "quadrupel run start --wait" in called.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "--sample", "0"), "greater than or equal to"),
        (("verify", "--sample", "many"), "valid int"),
        (("verify", "--seed", "-1"), "greater than or equal to"),
        (("verify", "--as-of", "2026-02-30"), "not a day"),
        (("start", "--dry-run", "--as-of", "tomorrow"), "not a day"),
    ],
)
def test_a_wrong_flag_is_named(quadrupel, arguments, says):
    called = quadrupel("run", *arguments)
    assert called.code == 2
    assert says in called.err


def test_a_run_over_nobody_covers_the_rules_and_then_nobody_differs(portal):
    assert portal("run", "start").code == 0
    called = portal("run", "verify", "--json")
    assert called.code == 0
    assert json.loads(called.out)["differences"] == []


def test_what_differs_is_shown_and_ends_with_1(portal, database_url):
    assert portal("run", "start").code == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO profiles (user_id, version, updated_at, fold_state, registered_at)"
            " VALUES ('c1', 1, now(), '\\x010000', now())"
        )
        connection.execute(
            "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
            " rule_set, banners, updated_at, due_on)"
            " VALUES ('c1', 1, 1, '2026-11-01', now(), 'set', '[]', now(), '9999-12-31')"
        )
    called = portal("run", "verify", "--json")
    assert called.code == 1
    [found] = json.loads(called.out)["differences"]
    assert (found["user_id"], found["rule"], found["published"]) == ("c1", "welcome", "no match")
    in_words = portal("run", "verify")
    assert "welcome" in in_words.out
    assert "1 verdicts differ" in in_words.err
