"""`quadrupel rules explain`, on a real database."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from quadrupel.core.contacts import Contact
from quadrupel.core.events import Event
from quadrupel.core.experiments import CONTROL, Experiment
from quadrupel.core.guards import Objection, Reason, Trial
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.rules import catalogue
from quadrupel.store import contacts, database, rule_holds, schema
from quadrupel.store.profiles import ProfileStore

RULES = Path(__file__).parents[2] / "rules"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def fines():
    """Fines of today, of two of the first day that counts today, and of the day before that."""
    for number, ago in enumerate((0, 364, 364, 365)):
        yield Event(f"f{number}", "/r", "fine.issued", "u1", NOW - timedelta(days=ago), {})


@pytest.fixture
def citizen(engine):
    rule_set = catalogue.load(RULES)
    profile = Profile("u1")
    born = Event("e1", "/r", "citizen.registered", "u1", NOW, {"birth_date": "1990-11-23"})
    events = arrived([born, *fines()], date(2026, 11, 20))
    fold(profile, events, Feeds(rule_set.schema))
    with database.transaction(engine) as connection:
        schema.apply(connection, rule_set.schema, NOW)
        ProfileStore(rule_set.schema).write(connection, [profile], NOW)


@pytest.fixture
def explain(quadrupel, citizen, migrated_url):
    def call(*arguments):
        return quadrupel("rules", "explain", *arguments, database_url=migrated_url, rules=RULES)

    return call


BIRTHDAY = ("--user", "u1", "--rule", "birthday", "--as-of")


def test_a_match_is_told_with_clauses_values_and_the_event(explain):
    told = explain(*BIRTHDAY, "2026-11-23")
    assert told.code == 0
    assert "birthday: match, until 2026-11-24" in told.out
    assert "anniversary(user.birth_date) == today is true" in told.out
    assert "birth_date = 1990-11-23, by citizen.registered at 2026-11-20T09:30:00Z" in told.out


def test_what_becomes_of_the_banner_is_told(explain):
    told = explain(*BIRTHDAY, "2026-11-23").out
    assert "banner shown in mobile on ios, android" in told
    assert "banner not shown on web: mobile is not there" in told
    assert "banner" not in explain(*BIRTHDAY, "2026-11-24").out
    (rule,) = json.loads(explain(*BIRTHDAY, "2026-11-23", "--json").out)["rules"]
    assert rule["banner"] == {
        "placement": "mobile",
        "clients": ["ios", "android"],
        "losses": [{"why": "client", "clients": ["web"], "to": [], "said": "mobile is not there"}],
        "variant": None,
        "dismissed": None,
    }
    (rule,) = json.loads(explain(*BIRTHDAY, "2026-11-24", "--json").out)["rules"]
    assert rule["banner"] is None


def test_a_banner_that_is_not_shown_is_told_with_what_it_gave_way_to(explain, engine):
    with database.transaction(engine) as connection:
        connection.exec_driver_sql(
            "UPDATE profiles SET taxes_owed = 900, tax_due = '2026-12-01',"
            " pension_granted = '2020-01-01'"
        )
    told = explain("--user", "u1", "--rule", "tax_due_soon", "--as-of", "2026-11-23").out
    said = "pensioner_tax_relief comes before it and tells its story"
    assert f"banner not shown on web, ios, android: {said}" in told


def test_the_banner_of_a_held_rule_is_told_to_be_held(explain, engine):
    rule_set = catalogue.load(RULES)
    objection = Objection(Reason.RATIO, "matches too many")
    with database.transaction(engine) as connection:
        held = ("birthday", rule_set.identities["birthday"], objection, date(2026, 11, 20))
        rule_holds.hold(connection, *held, Trial(1), NOW)
    told = explain(*BIRTHDAY, "2026-11-23").out
    assert "banner not shown on web, ios, android: its rule is held" in told


@pytest.fixture
def tried(tmp_path):
    """The shipped rules, with an experiment on one."""
    folder = tmp_path / "rules"
    shutil.copytree(RULES, folder)
    path = folder / "notices" / "birthday.py"
    variants = ", ".join(
        f'"{name}": Variant(share=0.5, title={{"en": "{name}", "ru": "{name}"}})'
        for name in ("plain", "loud")
    )

    def write(control):
        text = (RULES / "notices" / "birthday.py").read_text()
        more = f"control = {control}\nvariants = {{{variants}}}\n\n\ndef matches"
        path.write_text(text.replace("def matches", more, 1))
        return folder

    return write


def test_the_variant_that_a_user_reads_is_told_or_that_nothing_is(
    quadrupel, citizen, engine, migrated_url, tried
):
    experiment = Experiment("birthday", 0.5, variants=(("plain", 0.5), ("loud", 0.5)))
    folder, user = tried(0.5), "u1"
    for arm, said in (
        ("plain", "banner shown in mobile on ios, android, in the variant plain"),
        ("loud", "banner shown in mobile on ios, android, in the variant loud"),
        (CONTROL, "the user is in a control group, to compare the others with"),
    ):
        other = next(each for each in map(str, range(99)) if experiment.arm_of(each) == arm)
        with database.transaction(engine) as connection:
            update = "UPDATE profiles SET user_id = %s WHERE user_id = %s"
            connection.exec_driver_sql(update, (other, user))
        user = other
        call = ("rules", "explain", "--user", user, "--rule", "birthday", "--as-of", "2026-11-23")
        assert said in quadrupel(*call, database_url=migrated_url, rules=folder).out


def test_why_not_is_told_too_as_json(explain):
    told = json.loads(explain(*BIRTHDAY, "2026-11-24", "--json").out)
    (rule,) = told["rules"]
    assert (rule["verdict"], rule["deadline"]) == ("no_match", "2027-11-23")
    assert rule["clause"]["value"] is False


FINES = ("--user", "u1", "--rule", "fines_repeated", "--as-of")


def test_a_windowed_count_is_told_with_its_days(explain):
    told = explain(*FINES, "2026-11-20").out
    assert "fines_repeated: match, until 2026-11-21" in told
    assert "user.recent_fines >= 3 is true" in told
    assert "recent_fines = 3, on 2025-11-21 (2 times), 2026-11-20" in told
    told = explain(*FINES, "2028-01-01").out
    assert "fines_repeated: no match, for good" in told
    assert "recent_fines = 0\n" in told


def test_who_asks_is_recorded(explain, quadrupel):
    explain(*BIRTHDAY, "2026-11-24")
    explain("--user", "u2")
    [look] = json.loads(quadrupel("audit", "list", "--json").out)
    assert (look["user_id"], look["key"], look["route"]) == ("u1", "operator", "explain")


def test_attributes_that_were_not_applied_yet_are_named_with_what_applies_them(
    quadrupel, migrated_url
):
    told = quadrupel("rules", "explain", "--user", "u1", database_url=migrated_url, rules=RULES)
    assert told.code == 2
    assert "birth_date" in told.err
    assert "run `quadrupel profile apply`" in told.err


def test_all_rules_are_told_in_short(explain):
    told = explain("--user", "u1", "--as-of", "2026-11-23").out
    assert all(f"\n{rule}: " in f"\n{told}" for rule in catalogue.load(RULES).rules)
    assert "\nbirthday: match" in told
    assert "\nfine_overdue: no match" in told


def test_without_a_day_it_is_the_one_it_is_for_the_user(explain, engine):
    days = set()
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):  # 26 hours lie between them
        with database.transaction(engine) as connection:
            contacts.save(connection, [Contact("u1", None, None, {}, None, zone)], NOW)
        days.add(json.loads(explain("--user", "u1", "--json").out)["as_of"])
    assert len(days) == 2


def test_an_unknown_user_or_rule_is_an_error(explain):
    assert explain("--user", "u2").code == 1
    assert 'there is no user "u2"' in explain("--user", "u2").err
    assert "there is no rule" in explain("--user", "u1", "--rule", "birthda").err


def test_an_erased_user_is_not_there(explain, engine):
    with database.transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE profiles SET erased = true")
    told = explain("--user", "u1")
    assert (told.code, told.out) == (1, "")
    assert 'there is no user "u1"' in told.err
