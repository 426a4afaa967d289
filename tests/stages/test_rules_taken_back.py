"""Rules that were in force for a while: the next run puts right what was published by them.

A run over everybody asks the rules that it was started with. What any other rules said since then
is published too, whoever asked them and whatever became of that.
"""

from datetime import UTC, datetime, timedelta

import alembic.command
import pytest
from alembic.config import Config

from quadrupel.bus import codec
from quadrupel.config import migrations_folder
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.stages.schedule import plan_of
from quadrupel.store import migrations, published, runs

from .conftest import FILES, RULE, SCHEMA
from .small_portal import Portal, rule_set, write_citizens

USERS = [f"u{n:02}" for n in range(20)]
"""Every other one lives in region 77; all have three children."""

WIDER = RULE.format(
    priority=1, predicate="is_known(user.region)", match='region="77"', other="children=1"
)
ADDED = RULE.format(
    priority=2, predicate="user.children > 1", match="children=2", other="children=0"
)
FIRST = FILES["people/moscow.py"].replace("priority=1", "priority=9")


@pytest.fixture
def portal(applied, tmp_path):
    """A portal whose users were all asked the rules in force, an hour ago."""
    write_citizens(applied, USERS)
    portal = Portal(applied, rule_set(tmp_path))
    portal.right = portal.rules
    portal.wrong = rule_set(tmp_path, moscow=WIDER)
    portal.night()
    return portal


def plan(portal):
    return portal.ask(plan_of, portal.rules)


def take_back(portal):
    portal.rules = portal.right
    portal.now += timedelta(hours=1)


def tomorrow(portal):
    portal.today += timedelta(days=1)
    portal.now += timedelta(days=1)


def banners(portal, user):
    state = portal.ask(published.states, [user])[user]
    return [banner.rule for banner in state.published.banners]


MENDED = RunPlan(RunKind.RULES, ("moscow",))


def cancelled(portal):
    """The run that brought the wrong rule is cancelled halfway."""
    portal.rules = portal.wrong
    run = portal.begin(size=10)
    run.step()
    run.ledger(runs.cancel, portal.now)
    return 5


def paused(portal):
    """As before, but it is only paused."""
    portal.rules = portal.wrong
    run = portal.begin(size=10)
    run.step()
    run.ledger(runs.pause)
    return 5


def by_events(portal):
    """No run brought it, but events did."""
    portal.rules = portal.wrong
    portal.happen(*USERS)
    return 10


def by_other_rules(portal):
    """A night of who is due is evaluated by a worker that was started with the wrong rule."""
    portal.happen("u00", "u02", "u04")
    tomorrow(portal)
    run = portal.begin()
    assert run.progress().kind == RunKind.DUE
    run.step(portal.wrong)
    assert run.progress().other_rules == 1
    return 3


def once_more(portal):
    """It is taken back and everybody is asked, and then it comes once more, for five minutes."""
    portal.rules = portal.wrong
    portal.happen("u00")
    take_back(portal)
    portal.night()
    portal.rules = portal.wrong
    portal.happen("u02", "u04")
    return 2


def published_late(portal):
    """What it said is published when it was taken back and everybody was asked again."""
    portal.rules = portal.wrong
    late = portal.evaluated([codec.changed_profile("u00")])
    take_back(portal)
    assert portal.night().changed == 0
    portal.publish(late)
    return 1


@pytest.mark.parametrize(
    "goes_wrong", [cancelled, paused, by_events, by_other_rules, once_more, published_late]
)
def test_what_a_wrong_rule_opened_closes_with_the_next_run_once_it_is_taken_back(
    portal, goes_wrong
):
    wrong = goes_wrong(portal)
    assert portal.open_matches("moscow") == 10 + wrong
    take_back(portal)
    assert plan(portal) == MENDED
    run = portal.night()
    assert (run.users, run.changed) == (20, 10 + wrong)  # whom the rule matches, or did
    assert portal.open_matches("moscow") == 10
    tomorrow(portal)
    assert plan(portal) == RunPlan(RunKind.DUE)


def test_a_run_that_was_cancelled_before_it_said_anything_is_nothing_to_put_right(portal):
    portal.rules = portal.wrong
    portal.begin().ledger(runs.cancel, portal.now)
    take_back(portal)
    assert plan(portal) == RunPlan(RunKind.DUE)


@pytest.mark.parametrize("brought", [cancelled, by_events])
def test_an_added_rule_that_is_taken_back_leaves_no_match(portal, tmp_path, brought):
    portal.wrong = rule_set(tmp_path, large_family=ADDED)
    brought(portal)
    assert portal.open_matches("large_family") > 0
    take_back(portal)
    assert plan(portal) == RunPlan(RunKind.RULES, (), ("large_family",))
    portal.night()
    assert portal.open_matches("large_family") == 0
    assert plan(portal) == RunPlan(RunKind.DUE)


@pytest.mark.parametrize("brought", [cancelled, by_events])
def test_a_removed_rule_that_comes_back_opens_what_was_closed(portal, brought):
    others = {rule: each for rule, each in portal.right.rules.items() if rule != "moscow"}
    portal.wrong = type(portal.right)(SCHEMA, others, portal.right.placements, "without")
    brought(portal)
    assert portal.open_matches("moscow") < 10
    take_back(portal)
    assert plan(portal) == MENDED
    portal.night()
    assert portal.open_matches("moscow") == 10


@pytest.mark.parametrize("brought", [cancelled, by_events])
def test_a_priority_that_is_taken_back_is_brought_to_whom_it_moved(portal, tmp_path, brought):
    portal.wrong = rule_set(tmp_path, moscow=FIRST)
    brought(portal)
    assert banners(portal, "u01") == ["moscow", "parent"]
    take_back(portal)
    assert plan(portal) == MENDED
    portal.night()
    assert banners(portal, "u01") == ["parent", "moscow"]


def test_a_priority_that_publish_alone_had_is_put_right_too(portal, tmp_path):
    """Publish is restarted with new rules before evaluate is, and then all of that is undone."""
    said = portal.evaluated([codec.changed_profile("u01")])
    portal.rules = rule_set(tmp_path, moscow=FIRST)
    portal.try_changed()
    portal.publish(said)
    assert banners(portal, "u01") == ["moscow", "parent"]
    take_back(portal)
    assert plan(portal) == MENDED
    portal.night()
    assert banners(portal, "u01") == ["parent", "moscow"]


def test_on_ordinary_days_who_is_due_is_all_there_is_to_ask(portal):
    for _ in range(3):
        portal.happen("u03", "u04")
        tomorrow(portal)
        run = portal.night()
        assert (run.kind, run.users) == (RunKind.DUE, 2)


def test_after_the_run_that_brought_a_changed_rule_the_days_are_ordinary_again(portal):
    portal.happen("u03")
    portal.now += timedelta(hours=1)
    portal.rules = portal.wrong
    portal.happen("u04")
    assert plan(portal) == MENDED
    portal.night()
    for _ in range(3):
        portal.happen("u03", "u04")
        tomorrow(portal)
        assert plan(portal) == RunPlan(RunKind.DUE)
        portal.night()


def test_a_process_that_sees_new_rules_a_second_late_makes_for_one_more_run_of_them(portal):
    portal.rules = portal.wrong
    run = portal.begin()
    portal.rules = portal.right
    portal.now += timedelta(seconds=1)
    portal.happen("u00")
    portal.rules = portal.wrong
    run.step()
    portal.happen("u00")
    tomorrow(portal)
    assert plan(portal) == MENDED
    portal.night()
    tomorrow(portal)
    assert plan(portal) == RunPlan(RunKind.DUE)


@pytest.fixture
def older(portal):
    """A run by the rules in force that was paused in the middle; an hour later they are others."""
    run = portal.begin(size=10, full=True)
    run.step()
    run.ledger(runs.pause)
    portal.now += timedelta(hours=1)
    return run


def goes_on(portal, run):
    run.ledger(runs.resume, portal.now)
    while run.step():
        pass
    assert run.progress().state == "finished"
    portal.now += timedelta(hours=1)


def test_what_an_older_run_undoes_that_goes_on_after_a_newer_one_is_brought_again(
    portal, older, tmp_path
):
    portal.rules = rule_set(tmp_path, large_family=ADDED)
    portal.night()
    assert portal.open_matches("large_family") == 20
    goes_on(portal, older)
    assert portal.open_matches("large_family") == 10
    assert plan(portal) == RunPlan(RunKind.RULES, ("large_family",))
    portal.night()
    assert portal.open_matches("large_family") == 20
    tomorrow(portal)
    assert plan(portal) == RunPlan(RunKind.DUE)


def test_an_older_run_that_ends_last_does_not_stand_for_what_a_newer_one_said(portal, older):
    portal.rules = portal.wrong
    portal.night()
    take_back(portal)
    goes_on(portal, older)
    assert portal.open_matches("moscow") == 15
    assert plan(portal) == MENDED
    portal.night()
    assert portal.open_matches("moscow") == 10


def migrate_from_0015(url):
    """Take the database back to where nobody wrote when something was published, and up again."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.attributes["url"] = url
    alembic.command.downgrade(config, "0015")
    migrations.migrate(url, migrations_folder())


def test_the_first_night_after_migration_0016_asks_everybody_the_rules_that_ever_were_others(
    applied, tmp_path, migrated_url
):
    """The migration takes the time of the database, so here it goes by that of the machine."""
    write_citizens(applied, USERS)
    portal = Portal(applied, rule_set(tmp_path, moscow=WIDER, large_family=ADDED))
    portal.now = datetime.now(UTC) - timedelta(days=3)
    portal.night()
    portal.rules = rule_set(tmp_path)
    portal.night()
    assert plan(portal) == RunPlan(RunKind.DUE)
    portal.rules, right = rule_set(tmp_path, moscow=FIRST), portal.rules
    portal.happen("u01")
    portal.rules = right
    migrate_from_0015(migrated_url)
    portal.now = datetime.now(UTC) + timedelta(minutes=1)
    assert plan(portal) == RunPlan(RunKind.RULES, ("moscow",), ("large_family",))
    assert banners(portal, "u01") == ["moscow", "parent"]
    assert portal.night().users == 20
    assert banners(portal, "u01") == ["parent", "moscow"]
    tomorrow(portal)
    assert plan(portal) == RunPlan(RunKind.DUE)
