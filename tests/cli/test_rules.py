import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quadrupel.cli import profile, rules
from quadrupel.core.errors import NotFound

SHIPPED = Path(__file__).parents[2] / "rules"


@pytest.fixture
def folder(tmp_path):
    """A folder with one rule, whose predicate says the opposite of its examples."""
    (tmp_path / "profile.py").write_text('born = Date("b", latest("person.registered", "born"))\n')
    (tmp_path / "placements.py").write_text('main = Placement("m", limit=3)\n')
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "is_born.py").write_text(
        '''"""Is born [yet]."""

owner = "team"
banner = Banner(placement="main", priority=5, link="/x", title={"en": "T", "ru": "Т"})


def matches(user, today):
    return user.born > today


examples = [
    match(today="2026-11-23", born="2000-01-01"),
    no_match(today="2026-11-23", born="2030-01-01"),
    unknown(today="2026-11-23"),
]
'''
    )
    return tmp_path


def run(app, *arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_check_counts_what_is_right():
    result = run(rules.app, "check", "--rules", SHIPPED)
    assert result.exit_code == 0
    assert result.stdout.endswith("3 placements: all right\n")


def test_check_shows_every_problem_with_a_caret_and_fails(folder):
    path = folder / "people" / "is_born.py"
    path.write_text(path.read_text().replace("user.born >", "user.bron >"))
    result = run(rules.app, "check", "--rules", folder)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f'{path}:8:12: the profile has no attribute "bron"',
        "    return user.bron > today",
        "           ^^^^^^^^^",
        "    hint: did you mean born?",
        "1 problem",
    ]


def test_check_tells_programs_in_json(folder):
    (folder / "profile.py").write_text("born = Dat()")
    result = run(rules.app, "check", "--rules", folder, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == [
        {
            "path": str(folder / "profile.py"),
            "line": 1,
            "column": 8,
            "message": '"Dat" is not known here',
            "hint": "did you mean Date?",
        }
    ]


def test_check_warns_of_what_is_never_shown_and_does_not_fail(folder):
    (folder / "placements.py").write_text(
        'main = Placement("m", limit=3)\nattic = Placement("a", limit=1)\n'
    )
    result = run(rules.app, "check", "--rules", folder)
    assert (result.exit_code, result.stdout.splitlines()[-1][-9:]) == (0, "all right")
    assert result.stderr.splitlines() == [
        f"warning: {folder / 'placements.py'}: attic shows nothing: no rule is placed there",
        "    hint: place a banner there, or give it a fallback",
    ]
    told = json.loads(run(rules.app, "check", "--rules", folder, "--json").stdout)
    assert told["problems"] == []
    assert [warning["line"] for warning in told["warnings"]] == [0]


def test_test_proves_the_shipped_rules():
    result = run(rules.app, "test", "--rules", SHIPPED)
    assert result.exit_code == 0
    assert "all as expected" in result.stdout


def test_test_shows_the_example_that_fails_and_fails(folder):
    result = run(rules.app, "test", "--rules", folder)
    path = folder / "people" / "is_born.py"
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{path}:12: expected match, got no_match",
        f"{path}:13: expected no_match, got match",
    ]
    assert result.stdout.startswith("1 rule, 3 examples: 2 failed\n")
    as_json = json.loads(run(rules.app, "test", "--rules", folder, "--json").stdout)
    assert as_json["failures"][0] == {
        "rule": "is_born",
        "path": str(path),
        "line": 12,
        "expected": "match",
        "got": "no_match",
    }


def test_test_takes_ids_and_refuses_unknown_ones(folder):
    assert run(rules.app, "test", "birthday", "--rules", SHIPPED).exit_code == 0
    result = run(rules.app, "test", "is_bron", "--rules", folder)
    assert isinstance(result.exception, NotFound)
    assert "did you mean is_born?" in str(result.exception)


def test_list_shows_rules_by_situation(folder):
    result = run(rules.app, "list", "--rules", folder)
    assert result.stdout.splitlines() == ["people", "  is_born  team  main  Is born [yet]."]
    (listed,) = json.loads(run(rules.app, "list", "--rules", folder, "--json").stdout)
    assert (listed["id"], listed["situation"], listed["offers"]) == ("is_born", "people", ["main"])


def test_show_shows_one_rule(folder):
    result = run(rules.app, "show", "is_born", "--rules", folder)
    assert result.exit_code == 0
    for part in ("is_born", "Is born [yet].", "user.born > today", "owner      team", "title ru"):
        assert part in result.stdout
    shown = json.loads(run(rules.app, "show", "is_born", "--rules", folder, "--json").stdout)
    assert shown["inputs"] == ["born"]
    assert shown["examples"][0]["verdict"] == "match"
    assert shown["banner"]["title"] == {"en": "T", "ru": "Т"}


def test_show_says_what_a_banner_gives_way_to(folder):
    path = folder / "people" / "is_born.py"
    more = 'priority=5, story="birth", exclusive="people", must_show=True'
    path.write_text(path.read_text().replace("priority=5", more))
    result = run(rules.app, "show", "is_born", "--rules", folder)
    for part in ("story      birth", "exclusive  people", "must show  yes"):
        assert part in result.stdout
    banner = json.loads(run(rules.app, "show", "is_born", "--rules", folder, "--json").stdout)
    words = ("story", "exclusive", "must_show")
    assert [banner["banner"][word] for word in words] == ["birth", "people", True]


def test_profile_check_counts_or_explains(folder):
    result = run(profile.app, "check", "--rules", SHIPPED)
    assert result.exit_code == 0
    assert result.stdout.endswith("attributes: all right\n")
    (folder / "profile.py").write_text('born = Date("b", count("x"))')
    result = run(profile.app, "check", "--rules", folder)
    assert result.exit_code == 1
    assert "count() cannot feed an attribute of type date" in result.stderr
    result = run(profile.app, "check", "--rules", folder, "--json")
    assert len(json.loads(result.stdout)["problems"]) == 1
