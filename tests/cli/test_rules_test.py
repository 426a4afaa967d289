"""`quadrupel rules test`: selections, boundaries and coverage."""

import json
import subprocess
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "rules"

RULE = '''"""Is grown up."""

owner = "OWNER"
tags = ["TAG"]
banner = Banner(placement="main", priority=5, link="/x", title={"en": "T", "ru": "Т"})


def matches(user, today):
    return age(user.born) >= 18 and is_known(user.born)


examples = [
    match(today="2026-11-23", born="2000-01-01"),
    no_match(today="2026-11-23", born="2020-01-01"),
    unknown(today="2026-11-23"),
]
'''


@pytest.fixture
def folder(tmp_path):
    """A folder of two rules of different owners."""
    folder = tmp_path / "rules"
    (folder / "people").mkdir(parents=True)
    (folder / "profile.py").write_text('born = Date("Born", latest("person.registered", "born"))\n')
    (folder / "placements.py").write_text('main = Placement("m", limit=3)\n')
    for name in ("first", "second"):
        text = RULE.replace("OWNER", f"{name}-team").replace("TAG", f"tag-{name}")
        text = text.replace(" and is_known(user.born)", "") if name == "first" else text
        if name == "second":
            text = text.replace("    unknown", "    no_match")
        (folder / "people" / f"{name}_rule.py").write_text(text)
    return folder


def git(folder, *arguments):
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def rules_of(called):
    assert called.code == 0, called.err
    return json.loads(called.out)["rules"]


@pytest.mark.parametrize(
    "selection", ["tag:tag-first", "owner:first-team", "situation:people"], ids=str
)
def test_rules_are_selected_by_what_they_say(quadrupel, folder, selection):
    called = quadrupel("rules", "test", "--rules", str(folder), "--select", selection, "--json")
    assert rules_of(called) == (2 if "people" in selection else 1)


def test_selections_narrow_each_other(quadrupel, folder):
    both = ("--select", "situation:people", "--select", "owner:second-team")
    assert rules_of(quadrupel("rules", "test", "--rules", str(folder), *both, "--json")) == 1


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ("tag:tag-frist", "tag:tag-frist selects no rule: did you mean tag-first?"),
        ("owner:nobody", "owner:nobody selects no rule: there are the owners first-team"),
        ("situation:x", "situation:x selects no rule: there are the situations people"),
    ],
)
def test_a_selection_that_selects_nothing_is_an_error(quadrupel, folder, selection, said):
    called = quadrupel("rules", "test", "--rules", str(folder), "--select", selection)
    assert called.code == 1
    assert said in called.err


@pytest.mark.parametrize("selection", ["", "tag", "tag:", "colour:red", "modified:yes", "MODIFIED"])
def test_what_is_no_selection_is_refused(quadrupel, folder, selection):
    called = quadrupel("rules", "test", "--rules", str(folder), "--select", selection)
    assert called.code == 2
    assert "is none of tag:NAME" in called.err


def test_modified_means_since_the_last_commit(quadrupel, folder):
    modified = ("rules", "test", "--rules", str(folder), "--select", "modified", "--json")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "rules")
    assert "modified selects no rule" in quadrupel(*modified).err
    path = folder / "people" / "first_rule.py"
    path.write_text(path.read_text() + "\n")
    assert rules_of(quadrupel(*modified)) == 1
    (folder / "people" / "third_rule.py").write_text(path.read_text())
    assert rules_of(quadrupel(*modified)) == 2


def test_modified_outside_git_says_so(quadrupel, folder, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent.parent))
    called = quadrupel("rules", "test", "--rules", str(folder), "--select", "modified")
    assert called.code == 1
    assert "git in " in called.err


def test_a_clause_that_decides_in_no_example_is_warned_of(quadrupel, folder):
    path = folder / "people" / "second_rule.py"
    path.write_text(path.read_text().replace("age(", "user.born < today and age("))
    called = quadrupel("rules", "test", "second_rule", "--rules", str(folder))
    assert called.code == 0
    told = "warning: no example in which this decides by being false: born is before today"
    assert f"{path}:9: {told}" in called.err


def test_boundaries_show_where_the_verdict_changes(quadrupel, folder):
    called = quadrupel("rules", "test", "first_rule", "--boundaries", "--rules", str(folder))
    comparison = "the whole years since born is at least 18"
    assert called.out.splitlines() == [
        "first_rule",
        f"  line 13   today 2018-01-01  no_match → match      {comparison}",
        f"  line 14   today 2038-01-01  no_match → match      {comparison}",
        "1 rule, 3 examples: all as expected",
        "2 boundaries of comparisons, the verdict changes at 2",
    ]


def test_an_error_on_a_boundary_fails(quadrupel, folder):
    path = folder / "people" / "first_rule.py"
    path.write_text(path.read_text().replace("age(user.born)", "40 // (age(user.born) - 17)"))
    called = quadrupel("rules", "test", "first_rule", "--rules", str(folder))
    assert called.code == 1
    assert f"{path}:14: an error with today from 2036-12-30 to 2037-01-01: " in called.err


def test_the_shipped_rules_have_no_error_on_any_boundary(quadrupel):
    called = quadrupel("rules", "test", "--rules", str(SHIPPED), "--boundaries", "--json")
    assert called.code == 0
    proof = json.loads(called.out)
    assert proof["boundary_count"] == len(proof["boundaries"]) > 100
