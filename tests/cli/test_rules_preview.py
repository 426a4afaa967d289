"""`quadrupel rules preview` and `diff`: whom rules match, of stored and of synthetic users."""

import json
import shutil
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules import catalogue
from quadrupel.store import schema
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

SHIPPED = Path(__file__).parents[2] / "rules"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULE = "driving_licence_expiring"

PROFILES = [
    Profile("anna", 1, {
        "driving_licence_expires": date(2026, 12, 20), "birth_date": date(1980, 5, 1),
        "residence_region": "77", "recent_fines": ((date(2025, 11, 23).toordinal(), 3),),
    }),
    Profile("boris", 1, {
        "driving_licence_expires": date(2027, 1, 10), "birth_date": date(2000, 5, 1),
        "residence_region": "77", "recent_fines": ((date(2025, 11, 24).toordinal(), 3),),
    }),
    Profile("vera", 1, {"birth_date": date(1950, 1, 1)}),
]  # fmt: skip


@pytest.fixture(scope="module")
def shipped():
    return catalogue.load(SHIPPED)


@pytest.fixture
def stored(engine, migrated_url, shipped):
    """The URL of a database with PROFILES."""
    with transaction(engine) as connection:
        schema.apply(connection, shipped.schema, NOW)
        ProfileStore(shipped.schema).write(connection, PROFILES, NOW)
    return migrated_url


@pytest.fixture
def call(quadrupel, stored):
    """Calls a command of `rules` on the stored users, on the 23 November, and reads its JSON."""

    def called(command, *arguments):
        options = ("--as-of", "2026-11-23", "--rules", str(SHIPPED), "--json")
        result = quadrupel("rules", command, *arguments, *options, database_url=stored)
        assert result.code == 0, result.err
        return json.loads(result.out)

    return called


@pytest.fixture
def edited(tmp_path):
    """A copy of the shipped rules in which a licence is renewed two months before it runs out."""
    folder = tmp_path / "new"
    shutil.copytree(SHIPPED, folder)
    path = folder / "transport" / f"{RULE}.py"
    path.write_text(path.read_text().replace("months(1)", "months(2)"))
    return folder


def test_a_preview_counts_and_shows_what_they_would_get(call):
    seen = call("preview", RULE)
    assert seen["users"] == 3
    assert seen["verdicts"] == {"match": 1, "no_match": 1, "unknown": 1, "error": 0}
    title = "Renew your driving licence by 20 December 2026"
    assert seen["sample"] == [{"user_id": "anna", "title": title}]
    assert seen["ages"]["45-54"] == {"users": 1, "matching": 1}
    assert seen["regions"] == {
        "77": {"users": 2, "matching": 1},
        "unknown": {"users": 1, "matching": 0},
    }


def test_a_windowed_count_is_previewed_on_the_day_asked_for(call):
    told = call("preview", "fines_repeated")
    assert [each["user_id"] for each in told["sample"]] == ["boris"]
    assert told["verdicts"] == {"match": 1, "no_match": 2, "unknown": 0, "error": 0}


def test_a_condition_alone_can_be_previewed(call):
    seen = call("preview", "--where", "age(user.birth_date) >= 40", "--sample", "1")
    assert seen["verdicts"]["match"] == 2
    assert len(seen["sample"]) == 1
    assert seen["sample"][0]["title"] == ""


def test_a_condition_may_ask_for_holidays(call):
    """The calendar of the shipped rules covers the 23 November, which is none."""
    seen = call("preview", "--where", "not is_holiday(today)")
    assert seen["verdicts"]["match"] == 3


def test_a_script_outside_of_the_folder_may_ask_for_holidays(call, tmp_path):
    text = (SHIPPED / "transport" / f"{RULE}.py").read_text()
    assert "    return today <=" in text
    draft = tmp_path / "draft.py"
    draft.write_text(
        text.replace("    return today <=", "    return not is_holiday(today) and today <=")
    )
    assert call("preview", "--file", str(draft))["verdicts"]["match"] == 1


def test_a_script_outside_of_the_folder_can_be_previewed(call, tmp_path):
    draft = tmp_path / "draft.py"
    text = (SHIPPED / "transport" / f"{RULE}.py").read_text()
    draft.write_text(text.replace("months(1)", "months(2)"))
    assert call("preview", "--file", str(draft))["verdicts"]["match"] == 2


def test_a_preview_for_people_has_headings_and_bars(quadrupel, stored):
    options = ("--as-of", "2026-11-23", "--rules", str(SHIPPED))
    out = quadrupel("rules", "preview", RULE, *options, database_url=stored).out.splitlines()
    assert out[0] == f"{RULE} on 2026-11-23: 1 of 3 (33 %) match"
    assert any(line.startswith("  45-54        1 of 1 (100 %)") for line in out)
    assert out[-1] == "  anna  Renew your driving licence by 20 December 2026"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name one rule"),
        ((RULE, "--where", "True"), 2, "name one rule"),
        (("nobody_knows_it",), 1, 'there is no rule "nobody_knows_it"'),
        (("--where", "user.brith_date < today"), 2, "did you mean birth_date?"),
        (("--where", "__import__('os')"), 2, "two underscores"),
        (("--file", "/nowhere.py"), 2, "/nowhere.py"),
        ((RULE, "--sample", "-1"), 2, "--sample"),
        ((RULE, "--as-of", "yesterday"), 2, "is not a day"),
    ],
)
def test_what_cannot_be_previewed_is_refused(quadrupel, arguments, code, said):
    called = quadrupel(
        "rules", "preview", *arguments, "--rules", str(SHIPPED), "--population", "10"
    )
    assert called.code == code
    assert said in called.err


def test_without_a_database_synthetic_users_are_offered(quadrupel):
    called = quadrupel("rules", "preview", RULE, "--rules", str(SHIPPED))
    assert called.code == 2
    assert "or try synthetic users: --population" in called.err
    options = ("--as-of", "2026-11-23", "--rules", str(SHIPPED), "--population", "500", "--json")
    seen = json.loads(quadrupel("rules", "preview", RULE, *options).out)
    assert seen["users"] == 500


def test_a_diff_names_who_gains_and_who_loses(call, edited):
    (change,) = call("diff", str(SHIPPED), str(edited))
    assert (change["rule"], change["how"]) == (RULE, "changed")
    title = "Renew your driving licence by 10 January 2027"
    assert change["gained"] == {"users": 1, "sample": [{"user_id": "boris", "title": title}]}
    assert change["lost"] == {"users": 0, "sample": []}
    (back,) = call("diff", str(edited), str(SHIPPED))
    assert (back["gained"]["users"], back["lost"]["users"]) == (0, 1)


def test_a_diff_of_texts_needs_no_users(quadrupel, edited):
    path = edited / "transport" / f"{RULE}.py"
    text = (SHIPPED / "transport" / f"{RULE}.py").read_text()
    path.write_text(text.replace("Renew your", "Please renew your"))
    called = quadrupel("rules", "diff", str(SHIPPED), str(edited))
    assert (called.code, called.out) == (0, f"edited   {RULE} (title)\n")
    assert quadrupel("rules", "diff", str(edited), str(edited)).out == "nothing differs\n"


def test_a_diff_says_what_the_next_run_brings(quadrupel, edited):
    shutil.copy(SHIPPED / "transport" / f"{RULE}.py", edited / "transport")
    for name, old, new in (
        (f"transport/{RULE}.py", "priority=80", "priority=81, must_show=True"),
        ("placements.py", "limit=4", "limit=5"),
        ("placements.py", '"/services"', '"/all"'),
    ):
        text = (edited / name).read_text()
        assert old in text
        (edited / name).write_text(text.replace(old, new))
    called = quadrupel("rules", "diff", str(SHIPPED), str(edited))
    assert called.out.splitlines() == [
        f"edited   {RULE} (priority, must_show)",
        "  the next run decides the banners anew of whoever matches it",
        "edited   placement main (fallback)",
        "edited   placement sidebar (limit)",
        "  the next run decides the banners anew of whoever matches one of its rules",
    ]
    told = json.loads(quadrupel("rules", "diff", str(SHIPPED), str(edited), "--json").out)
    assert [(each.get("placement"), each["decides_anew"]) for each in told] == [
        (None, True),
        ("main", False),
        ("sidebar", True),
    ]


def test_a_diff_says_who_is_in_the_control_group_of_all_rules(quadrupel, edited):
    shutil.copy(SHIPPED / "transport" / f"{RULE}.py", edited / "transport")
    (edited / "experiments.py").write_text("control = 0.02\n")
    told = quadrupel("rules", "diff", str(SHIPPED), str(edited)).out
    assert told.splitlines() == [
        "edited   control group of all rules: 0 % to 2 %",
        "  the next run decides the banners anew of whoever matches a rule",
    ]
    told = json.loads(quadrupel("rules", "diff", str(edited), str(SHIPPED), "--json").out)
    assert told == [{"control": 0.0, "before": 0.02, "decides_anew": True}]


def git(folder, *arguments):
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_a_diff_compares_revisions(quadrupel, edited):
    git(edited.parent, "init", "-q")
    git(edited.parent, "add", ".")
    git(edited.parent, "commit", "-q", "-m", "rules")
    (edited / "notices" / "birthday.py").unlink()
    options = ("--rules", str(edited), "--population", "50", "--as-of", "2026-11-23")
    called = quadrupel("rules", "diff", "HEAD", *options)
    assert called.out.splitlines()[0] == "removed  birthday"
    git(edited.parent, "commit", "-q", "-a", "-m", "without birthdays")
    called = quadrupel("rules", "diff", "HEAD~1", "HEAD", *options)
    assert called.out.splitlines()[0] == "removed  birthday"


@pytest.mark.parametrize("name", ["no-such-revision", "--output=/tmp/x", "HEAD; true", ""])
def test_what_is_neither_folder_nor_revision_is_refused(quadrupel, edited, name):
    git(edited.parent, "init", "-q")
    called = quadrupel("rules", "diff", "--rules", str(edited), "--", name)
    assert called.code in (1, 2)
    assert "neither a folder nor a revision" in called.err
