from quadrupel.rules.coverage import clauses, undecided
from quadrupel.rules.words import Words

SCRIPT = '''
"""About something."""
owner = "team"
banner = Banner(placement="main", priority=5, link="/x", title={"en": "Title", "ru": "Заголовок"})
def matches(user, today):
    if user.visits > 3:
        return False
    return user.born <= today and (user.sex == "male" or user.active)
examples = [
    match(today="2026-11-23", born="2000-01-01", sex="male", active=False),
    no_match(today="2026-11-23", born="2030-01-01", sex="male", active=False),
    unknown(today="2026-11-23"),
]
'''


def told(rule, schema):
    words = Words(schema)
    return [(words.sentence(each.clause).text, each.answer, each.line) for each in undecided(rule)]


def test_a_clause_should_decide_once_by_being_true_and_once_by_being_false(read_script, schema):
    rule, source = read_script(SCRIPT)
    assert source.problems == ()
    assert told(rule, schema) == [
        ("v is more than 3", True, 6),
        ('x is "male"', False, 8),
        ("a", True, 8),
        ("a", False, 8),
    ]


def test_a_clause_decides_where_its_opposite_would_change_the_verdict(read_script, schema):
    more = """
    no_match(today="2026-11-23", born="2000-01-01", visits=4, sex="male"),
    match(today="2026-11-23", born="2000-01-01", sex="female", active=True),
    no_match(today="2026-11-23", born="2000-01-01", sex="female", active=False),
]
"""
    rule, source = read_script(SCRIPT.replace("]\n", more.lstrip("\n")))
    assert source.problems == ()
    assert told(rule, schema) == []


def test_clauses_are_what_and_or_not_and_if_join(read_script, schema):
    rule, _ = read_script(SCRIPT)
    words = [Words(schema).sentence(clause).text for clause in clauses(rule.predicate.tree)]
    assert words == ["v is more than 3", "b is on or before today", 'x is "male"', "a"]


def test_a_clause_asked_on_several_paths_is_one(read_script):
    text = SCRIPT.replace(
        "        return False\n", "        late = True\n    else:\n        late = user.vip\n"
    ).replace("return user.born <= today and", "return late and user.born <= today and")
    rule, source = read_script(text)
    assert source.problems == ()
    assert len(clauses(rule.predicate.tree)) == 5
