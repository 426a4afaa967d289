"""What the tests of the rule language share: a declaration, and scripts and folders of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from quadrupel.core.attributes import Schema
from quadrupel.rules import declaration, placements
from quadrupel.rules.offers import Declarations
from quadrupel.rules.rule import Rule
from quadrupel.rules.script import read_rule
from quadrupel.rules.source import Source, decode

ReadScript = Callable[[str | bytes], tuple[Rule | None, Source]]

PROFILE = '''
"""A small profile."""
born = Date("b", latest("person.registered", "born"))
expires = Date("e", latest("document.issued", "expires", where={"kind": "licence"}))
issued = Date("i", latest("document.issued", "issued"), clear("document.revoked"))
seen = DateTime("s", last_time("person.seen"))
points = Integer("p", latest("person.scored", "points"))
level = Integer("l", latest("person.scored", "level"))
visits = Integer("v", count("person.visited"))
recent = WindowedCount("r", count("person.visited"), days=30)
lately = WindowedCount("l", count("person.visited"), days=1)
owed = Decimal("o", sum("bill.sent", "amount"), subtract("bill.paid", "amount"))
income = Decimal("i", latest("income.declared", "amount"))
sex = Text("x", latest("person.registered", "sex"), values=["female", "male"])
region = Text("r", latest("person.moved", "region"))
active = Boolean("a", set("person.seen", True), set("person.left", False))
vip = Boolean("v", latest("person.scored", "vip"))
orders = Statistics("o", statistics("service.ordered", key="service", sum="price"))
deeds = Statistics(
    "d",
    statistics("deed.done", key="deed", name="done"),
    statistics("deed.undone", key="deed", name="undone"),
)
'''

PLACEMENTS = 'main = Placement("m", limit=3)\nsidebar = Placement("s", limit=2)\n'

SCRIPT = '''
"""About something."""

owner = "team"
banner = Banner(placement="main", priority=5, link="/x", title={"en": "Title", "ru": "Заголовок"})


def matches(user, today):
    return user.born <= today


examples = [
    match(today="2026-11-23", born="2000-01-01"),
    no_match(today="2026-11-23", born="2030-01-01"),
    unknown(today="2026-11-23"),
]
'''

PREDICATE = "return user.born <= today"
"""What SCRIPT asks, for tests that put something else in its place."""


@pytest.fixture(scope="session")
def schema() -> Schema:
    """The attributes of PROFILE."""
    source = decode(PROFILE.encode(), "profile.py")
    found = declaration.declared(source)
    assert source.problems == ()
    return found


@pytest.fixture(scope="session")
def read_script(schema: Schema) -> ReadScript:
    """Reads the text of a rule script: the rule, if it is right, and its source with problems."""
    places = placements.declared(decode(PLACEMENTS.encode(), "placements.py"))
    declarations = Declarations(schema, places, ("en", "ru"))

    def read(text: str | bytes) -> tuple[Rule | None, Source]:
        source = decode(text if isinstance(text, bytes) else text.encode(), "rule.py")
        return read_rule(source, "rule", "people", declarations), source

    return read


@pytest.fixture
def script() -> str:
    """A rule script that is right."""
    return SCRIPT.lstrip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with declarations and one rule."""
    (tmp_path / "profile.py").write_text(PROFILE)
    (tmp_path / "placements.py").write_text(PLACEMENTS)
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "someone_born.py").write_text(SCRIPT)
    return tmp_path
