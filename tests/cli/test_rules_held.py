"""`quadrupel rules held|release|discard`."""

import json

import psycopg
import pytest

HELD = (
    "INSERT INTO rule_holds (rule, identity, state, reason, said, as_of, users, matched, errors,"
    " seconds, held_at) VALUES ('welcome', 'x', 'held', 'number', 'matches [80 %%] of the users',"
    " '2026-11-23', 50000, 40000, 0, 0.125, '2026-11-23T02:30:00Z')"
)


@pytest.fixture
def portal(quadrupel, database_url):
    for command in (("db", "migrate"), ("profile", "apply"), ("bus", "create")):
        assert quadrupel(*command, database_url=database_url).code == 0
    return quadrupel


@pytest.fixture
def held(portal, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(HELD.replace("%%", "%"))
    return portal


def listed(portal, *flags):
    called = portal("rules", "held", "--json", *flags)
    assert called.code == 0
    return [(each["rule"], each["state"]) for each in json.loads(called.out)]


def test_where_nothing_is_held_that_is_said(portal):
    assert portal("rules", "held").out == "no rule is held\n"
    assert listed(portal) == []
    assert "held rules: none" in portal("status").out


def test_a_held_rule_is_shown_with_its_reason(held):
    [shown] = json.loads(held("rules", "held", "--json").out)
    assert (shown["rule"], shown["reason"], shown["as_of"]) == ("welcome", "number", "2026-11-23")
    assert shown["sample"] == {"users": 50000, "matched": 40000, "errors": 0, "seconds": 0.125}
    assert "matches [80 %] of the users" in " ".join(held("rules", "held").out.split())
    assert "welcome; `quadrupel rules held` says why" in held("status").out
    assert json.loads(held("status", "--json").out)["held_rules"] == ["welcome"]


def test_a_released_rule_comes_with_a_run_at_once(held):
    called = held("rules", "release", "welcome", "--json")
    assert called.code == 0
    told = json.loads(called.out)
    assert [each["state"] for each in told["released"]] == ["released"]
    [run] = json.loads(held("run", "list", "--json").out)
    assert run["run"] == told["run"]
    assert listed(held) == []
    assert listed(held, "--all") == [("welcome", "released")]


def test_a_release_may_leave_its_changes_to_the_night(held):
    called = held("rules", "release", "welcome", "--no-run")
    assert called.out == "rule welcome is released; the next run brings its changes\n"
    assert json.loads(held("run", "list", "--json").out) == []


def test_a_discarded_rule_is_silent_until_it_is_released(held):
    assert "is discarded; it changes nothing" in held("rules", "discard", "welcome").out
    assert listed(held, "--all") == [("welcome", "discarded")]
    assert held("rules", "release", "welcome", "--no-run").code == 0


@pytest.mark.parametrize("command", ["release", "discard"])
@pytest.mark.parametrize(
    "rule", ["no_such_rule", "Welcome", "welcome'; DROP TABLE rule_holds; --", "[b]"]
)
def test_a_rule_that_is_not_held_is_named(held, command, rule):
    called = held("rules", command, rule)
    assert called.code == 1
    assert f"rule {rule} is not held" in " ".join(called.err.split())
    assert listed(held) == [("welcome", "held")]
