"""The stubs, as the real pyright reads them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quadrupel.rules import catalogue, declaration
from quadrupel.rules.functions import WORDS
from quadrupel.rules.stubs import FILE_NAME, stubs

SHIPPED = Path(__file__).parents[2] / "rules"

UNTYPED = "def matches(user, today):"
TYPED = "def matches(user: User, today: date) -> bool:"

WRONG = {
    "user.bron <= today": 'Cannot access attribute "bron" for class "User"',
    "user.born <= 3": 'Operator "<=" not supported for types "date" and "Literal[3]"',
    "user.born < user.seen": 'Operator "<" not supported for types "date" and "datetime"',
    "today + 1 > user.born": 'Operator "+" not supported for types "date" and "Literal[1]"',
    "agee(user.born) > 3": '"agee" is not defined',
    "age(user.points) > 3": '"int" is not assignable to "date"',
    'user.orders["x"].cont > 1': 'Cannot access attribute "cont" for class "Statistic"',
    'user.deeds["x"].count > 1': 'Cannot access attribute "count" for class "Statistic_deeds"',
    'user.deeds["x"].done > user.deeds["x"].last_done': "not supported for types",
    "user.recent.total > 1": 'Cannot access attribute "total" for class "int"',
    "user.orders.count > 1": 'Cannot access attribute "count" for class "KeyedStatistics"',
}
WRONG_AROUND = [
    ('placement="main"', 'placement="mian"', "mian"),
    ("priority=5", 'priority="high"', "priority"),
    ('link="/x", ', "", "link"),
    ('born="2000-01-01"', 'bron="2000-01-01"', "bron"),
    ('unknown(today="2026-11-23")', "unknown()", "today"),
    ('unknown(today="2026-11-23")', 'unknown(today="2026-11-23", recent=3)', "recent"),
]


def pyright(folder):
    """The messages of the real pyright about a folder, each with the name of its script."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] > 0, done.stderr
    return [(Path(each["file"]).stem, each["message"]) for each in found["generalDiagnostics"]]


def pyright_on_each(folder, mistakes):
    """What pyright says of copies of the one rule, each with a mistake; of all else it is silent.

    One call for all of them: it takes a second to begin.
    """
    right = (folder / "people" / "someone_born.py").read_text()
    found = {f"rule_{number}": [] for number in range(len(mistakes))}
    for name, mistake in zip(found, mistakes, strict=True):
        (folder / "people" / f"{name}.py").write_text(right.replace(*mistake))
    for name, message in pyright(folder):
        found[name].append(message)
    return found.values()


@pytest.fixture
def typed(folder):
    """A folder with stubs, and one rule whose predicate says its types."""
    rule_set = catalogue.load(folder)
    (folder / FILE_NAME).write_text(stubs(rule_set.schema, rule_set.placements))
    path = folder / "people" / "someone_born.py"
    path.write_text(path.read_text().replace(UNTYPED, TYPED))
    return folder


def test_the_committed_stubs_are_up_to_date():
    rule_set = catalogue.examine(SHIPPED).rule_set
    committed = (SHIPPED / FILE_NAME).read_text()
    assert committed == stubs(rule_set.schema, rule_set.placements), "run `quadrupel rules stubs`"


def test_pyright_finds_nothing_wrong_with_the_shipped_rules(tmp_path):
    rules = tmp_path / "rules"
    shutil.copytree(SHIPPED, rules)
    for path in rules.glob("*/*.py"):
        path.write_text(path.read_text().replace(UNTYPED, TYPED))
    assert pyright(rules) == []


def test_pyright_finds_what_is_wrong_in_a_predicate(typed):
    found = pyright_on_each(typed, [("user.born <= today", condition) for condition in WRONG])
    for said, messages in zip(WRONG.values(), found, strict=True):
        assert said in "\n".join(messages)


def test_pyright_finds_what_is_wrong_around_a_predicate(typed):
    found = pyright_on_each(typed, [(right, wrong) for right, wrong, _ in WRONG_AROUND])
    for (_, _, said), messages in zip(WRONG_AROUND, found, strict=True):
        (message,) = messages
        assert said in message


def test_every_word_of_the_language_has_a_stub(schema):
    text = stubs(schema, ["main"])
    for word in WORDS:
        assert f"\ndef {word}(" in text or f"\nclass {word}:" in text
    for word in (*declaration.TYPES, *declaration.FEEDS):
        assert f"\ndef {word}(" in text


def test_a_description_cannot_break_out_of_its_documentation(tmp_path):
    (tmp_path / "profile.py").write_text(
        'x = Text("A \\"quote\\" and a \\\\", latest("e", "f"), values=["\\"\\\\"])\n'
        'int = Integer("i", count("e"))\ndate = Date("d", latest("e", "f"))\n'
    )
    text = stubs(declaration.read_schema(tmp_path / "profile.py"), ["main"])
    compile(text, FILE_NAME, "exec")
    (tmp_path / FILE_NAME).write_text(text)
    assert pyright(tmp_path) == []
