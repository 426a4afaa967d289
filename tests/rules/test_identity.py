import pytest

from quadrupel.rules import declaration
from quadrupel.rules.identity import canonical, identity
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.source import decode

PREDICATE = "return user.born <= today"


def identity_of(read_script, text):
    rule, source = read_script(text)
    assert source.problems == ()
    return rule.identity


SAME = {
    "another description": ("About something.", "About something else."),
    "another text": ('"Title"', '"Another title"'),
    "another owner": ('"team"', '"others"'),
    "another placement": ('"main"', '"sidebar"'),
    "a comment": (PREDICATE, f"# why\n    {PREDICATE}"),
    "another layout": (PREDICATE, "return (\n        user.born\n        <= today\n    )"),
    "a local name": (PREDICATE, "born = user.born\n    return born <= today"),
    "annotations": ("(user, today):", "(user: User, today: date) -> bool:"),
    "other examples": ('"2000-01-01"', '"2000-01-02"'),
    "a time for dismissals": ("priority=5", "priority=5, dismiss_for=days(30)"),
    "a shadow": ('owner = "team"', 'owner = "team"\nshadow = True'),
}

OTHER = {
    "another operator": ("<= today", "< today"),
    "another constant": (PREDICATE, "return user.born <= today - days(1)"),
    "another unit": (PREDICATE, "return user.born <= today - months(1)"),
    "another attribute": (PREDICATE, "return user.born <= today and user.issued <= today"),
    "another value that is shown": ('"Title"', '"Born {born}"'),
    "an episode": ('owner = "team"', 'owner = "team"\nonce_per = "born"'),
}


@pytest.mark.parametrize("name", SAME)
def test_an_edit_that_changes_no_verdict_keeps_the_identity(name, script, read_script):
    assert identity_of(read_script, script.replace(*SAME[name], 1)) == identity_of(
        read_script, script
    )


@pytest.mark.parametrize("name", OTHER)
def test_an_edit_that_can_change_a_match_changes_the_identity(name, script, read_script):
    assert identity_of(read_script, script.replace(*OTHER[name], 1)) != identity_of(
        read_script, script
    )


def schema_of(text):
    source = decode(text.encode(), "profile.py")
    schema = declaration.declared(source)
    assert source.problems == ()
    return schema


def test_the_identity_follows_the_feeds_of_inputs_and_not_their_docs():
    def found(text):
        schema = schema_of(text)
        return identity(parse_expression("user.a > 1", schema).tree, (), None, schema)

    one = found('a = Integer("x", count("e"))')
    assert found('a = Integer("another", count("e"))\nb = Integer("x", count("f"))') == one
    assert found('a = Integer("x", count("e", where={"k": 1}))') != one
    assert found('a = Integer("x", count("f"))') != one
    month = found('a = WindowedCount("x", count("e"), days=30)')
    assert month != one
    assert found('a = WindowedCount("another", count("e"), days=30)') == month
    assert found('a = WindowedCount("x", count("e"), days=31)') != month


def test_the_names_of_statistics_belong_to_how_an_attribute_is_fed():
    plain, one, another = (
        schema_of(f'a = Statistics("x", statistics("e", key="k"{name}))')["a"].feeds_hash
        for name in ("", ', name="one"', ', name="another"')
    )
    assert len({plain, one, another}) == 3


def test_the_window_belongs_to_how_an_attribute_is_fed():
    feeds = {
        days: schema_of(f'a = WindowedCount("x", count("e"), days={days})')["a"].feeds_hash
        for days in (30, 31)
    }
    assert feeds[30] != feeds[31]
    assert feeds[30] != schema_of('a = Integer("x", count("e"))')["a"].feeds_hash


def test_what_is_hashed_names_every_part_and_no_place(schema):
    tree = parse_expression("user.born < date(2026, 1, 31) and user.points in [1, 2]", schema).tree
    assert canonical(tree) == (
        "And(parts=("
        "Compare(operator='<', left=Input(name='born', kind=date, adds_up=False), "
        "right=Constant(value=datetime.date(2026, 1, 31), kind=date), kind=boolean), "
        "OneOf(operand=Input(name='points', kind=integer, adds_up=False), "
        "constants=(Constant(value=1, kind=integer), Constant(value=2, kind=integer)), "
        "kind=boolean)), kind=boolean)"
    )
