import pytest

from quadrupel.rules.outcomes import can_be_unknown, can_match_without
from quadrupel.rules.predicate import parse_expression


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("user.vip", True),
        ("is_known(user.vip)", False),
        ("is_known(user.vip) and user.vip", False),
        ("not is_known(user.vip) or user.vip", False),
        ("is_known(user.vip) and user.active", True),
        ("user.vip if is_known(user.vip) else False", False),
        ("user.vip if is_known(user.vip) else user.active", True),
        ("user.visits > 3", False),
        ('user.orders["a"].count > 3', False),
        ('user.orders["a"].last < user.seen', True),
        (
            'is_known(user.orders["a"].last) and user.orders["a"].last == user.orders["b"].last',
            True,
        ),
        ("today > date(2026, 1, 1)", False),
        ("user.vip and False", False),
        ("user.vip or True", False),
        ("is_known(user.points) and (1 if user.points > 3 else 2) == 1", False),
        ("(1 if user.points > 3 else 2) == 1", True),
    ],
)
def test_it_is_known_whether_a_predicate_can_be_unknown(schema, text, unknown):
    assert can_be_unknown(parse_expression(text, schema).tree) is unknown


@pytest.mark.parametrize(
    ("text", "can"),
    [
        ("user.vip", False),
        ("user.active", True),
        ("user.active and is_known(user.vip)", False),
        ("user.active or user.vip", True),
        ("not is_known(user.vip)", True),
        ("user.active if is_known(user.vip) else False", False),
        ("user.active if user.vip else user.active", True),
    ],
)
def test_it_is_known_whether_a_rule_can_match_without_an_attribute(schema, text, can):
    assert can_match_without(parse_expression(text, schema).tree, "vip") is can


def test_many_inputs_are_looked_at_one_by_one(schema):
    names = ("born", "expires", "issued", "seen", "points", "level", "income", "sex", "region")
    text = " and ".join(f"is_known(user.{name})" for name in names)
    assert not can_be_unknown(parse_expression(text, schema).tree)
    assert can_be_unknown(parse_expression(f"{text} and user.vip", schema).tree)
