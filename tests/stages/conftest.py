"""A small flow: three attributes, two rules, and messages as the bus would deliver them."""

import zlib
from collections import Counter
from datetime import UTC, date, datetime
from itertools import count

import polars as pl
import pytest

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.ports import Message
from quadrupel.core.profiles import Profile
from quadrupel.core.runs import RangeCounts, RuleCounts
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.page_reading import PageRead
from quadrupel.stages import audience
from quadrupel.stages.pages import Pages
from quadrupel.store import schema
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.rule_numbers import RuleNumbers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 23)

REGION = Feed(Operation.LATEST, "moved", field="region")
CHILDREN = Feed(Operation.COUNT, "child.registered")
SCHEMA = Schema(
    {
        "region": Attribute("region", Type.TEXT, "Region", (REGION,)),
        "children": Attribute("children", Type.INTEGER, "Children", (CHILDREN,)),
    }
)
CATALOGUE = Catalogue(
    {
        "parent": Offer("parent", "main", 5, messages=(("email", "parent"),)),
        "moscow": Offer("moscow", "main", 1),
    },
    {"main": 3},
)


def evaluator(profile, as_of, evaluated_at):
    """What two rules say: a parent has a child; a Muscovite lives in region 77."""
    matches = []
    if profile.values.get("region") == "77":
        matches.append(RuleMatch("moscow"))
    if profile.values.get("children", 0) > 0:
        matches.append(RuleMatch("parent", "once"))
    return Evaluation(profile.user_id, profile.version, as_of, evaluated_at, "set", tuple(matches))


def counted(evaluations, seconds=None):
    """The counts of a page of which everybody was handed to publish, added up one by one."""
    matched = Counter(match.rule for each in evaluations for match in each.matches)
    errors = Counter(rule for each in evaluations for rule in each.errors)
    seconds = {rule: each * len(evaluations) for rule, each in (seconds or {}).items()}
    return RangeCounts(
        evaluated=len(evaluations),
        matched=matched.total(),
        errors=errors.total(),
        changed=len(evaluations),
        digest=sum(zlib.crc32(f"{each.user_id}{each.matches}".encode()) for each in evaluations),
        rules={
            rule: RuleCounts(errors[rule], matched[rule], seconds.get(rule, 0.0))
            for rule in {*matched, *errors, *seconds}
        },
    )


class RowPages:
    """Reads pages by an evaluator of rows; of everybody something changed."""

    def __init__(self, store, evaluator, rule_set="set", seconds=None):
        self.rule_set = RuleSet(SCHEMA, {}, {}, rule_set)
        self._store, self._evaluator, self._seconds = store, evaluator, seconds
        self._profiles = {}

    def page(self, connection, part, size):
        assert part.due is part.before is None
        assert part.of is None
        found = self._store.page(connection, part.first, part.end, size, part.inclusive)
        self._profiles |= {each.user_id: each for each in found}
        return pl.DataFrame({"user_id": [each.user_id for each in found]}, {"user_id": pl.String})

    def read(self, page, as_of, evaluated_at, changed=(), withheld=()):
        profiles = [self._profiles[user_id] for user_id in page["user_id"]]
        evaluations = [self._evaluator(each, as_of, evaluated_at) for each in profiles]
        return PageRead(tuple(evaluations), counted(evaluations, self._seconds))


RULE = '''
"""About somebody."""
owner = "team"
banner = Banner(placement="main", priority={priority}, link="/x", title={{"en": "Title"}})
def matches(user, today):
    return {predicate}
examples = [match(today="2026-11-23", {match}), no_match(today="2026-11-23", {other})]
'''
FILES = {
    "profile.py": '''
"""A small profile."""
region = Text("Region", latest("moved", "region"))
children = Integer("Children", count("child.registered"))
''',
    "placements.py": 'main = Placement("m", limit=3)\n',
    "people/parent.py": RULE.format(
        priority=5, predicate="user.children > 0", match="children=1", other="children=0"
    ),
    "people/moscow.py": RULE.format(
        priority=1,
        predicate='is_known(user.region) and user.region == "77"',
        match='region="77"',
        other='region="50"',
    ),
}
"""What `evaluator` says, as a folder of rules."""


@pytest.fixture(scope="session")
def small_rules(tmp_path_factory):
    """The rule set of FILES; its profiles are those of SCHEMA."""
    folder = tmp_path_factory.mktemp("rules")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return catalogue.load(folder, ("en",))


@pytest.fixture
def small_pages(applied, small_rules):
    """What evaluates ranges by the small rules, whatever rules the run was started with."""
    with transaction(applied) as connection:
        numbers = RuleNumbers().of(connection, small_rules.rules)
    return lambda _: Pages(small_rules, numbers)


@pytest.fixture
def applied(engine):
    """A database with the columns of SCHEMA."""
    with transaction(engine) as connection:
        schema.apply(connection, SCHEMA, NOW)
    return engine


@pytest.fixture
def delivered():
    """Turn what was published into messages as delivered, each at a new offset."""
    offsets = count()

    def deliver(outgoing):
        return [
            Message(each.topic, 0, next(offsets), each.key, each.value, NOW) for each in outgoing
        ]

    return deliver


@pytest.fixture
def population(applied, monkeypatch):
    """20 users, every other one in region 77, every fifth with a child; pages of 3."""
    monkeypatch.setattr(audience, "PAGE", 3)
    profiles = [
        Profile(
            f"user{number:02}",
            1,
            {"region": "77" if number % 2 == 0 else "78"}
            | ({"children": 1} if number % 5 == 0 else {}),
        )
        for number in range(20)
    ]
    with transaction(applied) as connection:
        ProfileStore(SCHEMA).write(connection, profiles, NOW)
    return applied
