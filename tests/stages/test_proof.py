"""The proof of a run finds what is wrong in what is published, and nothing else."""

import pytest
import sqlalchemy as sa

from quadrupel.core.banners import Banner
from quadrupel.core.feedback import Action, Given
from quadrupel.core.profiles import Profile
from quadrupel.store import banner_feedback
from quadrupel.store.banner_rows import write_banners
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import NOW, RULE, SCHEMA, TODAY
from .small_portal import Portal, rule_set

STORE = ProfileStore(SCHEMA)
EPISODE = TODAY.isoformat()
MOSCOW, PARENT = (Banner(rule, {}, EPISODE) for rule in ("moscow", "parent"))


@pytest.fixture
def portal(applied, tmp_path):
    """A portal with a parent in Moscow, who is shown both banners, and one who dismissed one."""
    values = {"children": 1, "region": "77"}
    with transaction(applied) as connection:
        STORE.write(connection, [Profile(user, 1, values) for user in ("anna", "boris")], NOW)
        dismissal = Given("parent", EPISODE, Action.DISMISSED, NOW)
        banner_feedback.save(connection, [("boris", dismissal)])
    portal = Portal(applied, rule_set(tmp_path))
    portal.night()
    return portal


def differences(portal):
    users, found = portal.differences(STORE, 10)
    assert users == 2
    return found


def publish(portal, user, *banners):
    """Put another banner set in the place of that of a user."""
    with transaction(portal.engine) as connection:
        changed = sa.text(
            "UPDATE published SET banners = CAST(:new AS jsonb) WHERE user_id = :user"
        )
        new = write_banners(banners) if banners else "[]"
        assert connection.execute(changed, {"new": new, "user": user}).rowcount == 1


def test_what_was_published_is_proved_with_what_was_dismissed(portal):
    assert differences(portal) == []


def test_what_shows_several_values_is_the_same_in_whatever_order_they_are_stored(applied, tmp_path):
    """The database gives values by the length of their names, a rule by the alphabet."""
    rule = RULE.format(
        priority=5,
        predicate="user.children > 0 and is_known(user.region)",
        match='children=1, region="50"',
        other="children=0",
    ).replace('"Title"', '"{children} in {region}"')
    values = {"children": 1, "region": "50"}
    with transaction(applied) as connection:
        STORE.write(connection, [Profile("anna", 1, values)], NOW)
    portal = Portal(applied, rule_set(tmp_path, parent=rule))
    portal.night()
    assert portal.differences(STORE, 10) == (1, [])
    publish(portal, "anna", Banner("parent", {"children": "1", "region": "77"}, EPISODE))
    assert portal.differences(STORE, 10)[1] == [
        ("anna", "parent", *(
            f"banner 1 {{'children': '1', 'region': '{region}'}} of {EPISODE}"
            for region in ("50", "77")
        )),
    ]  # fmt: skip


WHOLE = f"banner of {EPISODE}"


@pytest.mark.parametrize(
    ("user", "banners", "found"),
    [
        ("anna", [PARENT], [("moscow", WHOLE, "no banner")]),
        ("anna", [], [("moscow", WHOLE, "no banner"), ("parent", WHOLE, "no banner")]),
        ("anna", [MOSCOW, PARENT], [
            ("moscow", f"banner 2 of {EPISODE}", f"banner 1 of {EPISODE}"),
            ("parent", f"banner 1 of {EPISODE}", f"banner 2 of {EPISODE}"),
        ]),
        ("anna", [PARENT, MOSCOW._replace(shown={"region": "77"})], [
            ("moscow", f"banner 2 of {EPISODE}", f"banner 2 {{'region': '77'}} of {EPISODE}"),
        ]),
        ("anna", [PARENT, MOSCOW._replace(episode="old")], [
            ("moscow", f"banner 2 of {EPISODE}", "banner 2 of old"),
        ]),
        ("anna", [PARENT, MOSCOW._replace(clients=("web",))], [
            ("moscow", f"banner 2 of {EPISODE}", f"banner 2 of {EPISODE} on web"),
        ]),
        ("anna", [PARENT, MOSCOW._replace(episode="")], []),
        ("boris", [PARENT, MOSCOW], [("parent", "no banner", WHOLE)]),
    ],
    ids=["less", "nothing", "order", "values", "episode", "clients", "of old", "dismissed"],
)  # fmt: skip
def test_a_banner_set_that_does_not_follow_from_the_matches_is_found(portal, user, banners, found):
    publish(portal, user, *banners)
    assert differences(portal) == [(user, *each) for each in found]


def test_a_run_anew_puts_right_what_a_full_one_leaves(portal):
    publish(portal, "anna")
    publish(portal, "boris", PARENT, MOSCOW)
    assert portal.night(full=True).changed == 0
    assert len(differences(portal)) == 3
    done = portal.night(anew=True)
    assert (done.kind, done.evaluated, done.changed) == ("full", 2, 2)
    assert differences(portal) == []


def test_a_run_anew_reaches_whom_no_rule_matches(applied, tmp_path):
    values = {"children": 0, "region": "50"}
    with transaction(applied) as connection:
        STORE.write(connection, [Profile(user, 1, values) for user in ("clara", "dora")], NOW)
    portal = Portal(applied, rule_set(tmp_path))
    portal.night()
    publish(portal, "clara", PARENT)
    assert portal.night(full=True).changed == 0
    assert differences(portal) == [("clara", "parent", "no banner", WHOLE)]
    assert portal.night(anew=True).changed == 1
    assert differences(portal) == []


def test_a_run_anew_reaches_whom_only_a_held_rule_matches(applied, tmp_path):
    values = {"children": 1, "region": "50"}
    with transaction(applied) as connection:
        STORE.write(connection, [Profile(user, 1, values) for user in ("emil", "fritz")], NOW)
    portal = Portal(applied, rule_set(tmp_path))
    portal.night()
    portal.hold("parent")
    publish(portal, "emil")
    assert portal.night(full=True).changed == 0
    assert differences(portal) == [("emil", "parent", WHOLE, "no banner")]
    portal.night(anew=True)
    assert differences(portal) == []


def test_of_a_user_whose_matches_differ_banners_are_not_told_besides(portal):
    with transaction(portal.engine) as connection:
        connection.execute(
            sa.text("DELETE FROM matches WHERE user_id = 'anna' AND rule = 'parent'")
        )
    publish(portal, "anna", MOSCOW)
    assert differences(portal) == [("anna", "parent", "match", "no match")]
