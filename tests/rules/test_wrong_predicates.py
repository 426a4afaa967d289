"""Wrong predicates: each is told why it is wrong, and how to mend it."""

import pytest

from .conftest import PREDICATE

WRONG_PREDICATES = {
    "an unknown attribute": (
        "return user.bron <= today",
        'the profile has no attribute "bron"',
        "did you mean born?",
    ),
    "an attribute without user": (
        "return born <= today",
        '"born" is not defined here',
        "write user.born",
    ),
    "an unknown name": ("return tody >= user.born", '"tody" is not defined here', "mean today?"),
    "a misspelt True": ("return true", '"true" is not defined here', "did you mean True?"),
    "an unknown function": ("return aeg(user.born) > 1", 'no function "aeg"', "did you mean age?"),
    "a call of an attribute": (
        "return user.born.isoformat() == 'x'",
        "only the functions of the language can be called",
        "",
    ),
    "a call of a call": ("return age(user.born)()", "only the functions of the language", ""),
    "a function without brackets": (
        "return age > 18",
        "age is a function, and stands with brackets",
        "write age(born: date)",
    ),
    "user as a value": ("return user == today", "user alone is no value", "user.birth_date"),
    "a date and a text": (
        "return user.born > '2000-01-01'",
        "a date and a text do not go together",
        "a day is written date(2026, 12, 31)",
    ),
    "a date and a number": (
        "return user.born > 18",
        "a date and an integer do not go together",
        "today + days(7)",
    ),
    "a date and a time": (
        "return user.seen > today",
        "a time (datetime) and a date do not go together",
        "day_of(...)",
    ),
    "a date plus a number": (
        "return user.born + 30 > today",
        "a date + an integer means nothing",
        "today + days(7)",
    ),
    "a number of days as a period": (
        "return today - user.born < days(30)",
        "an integer and a period do not go together",
        "write 7, not days(7)",
    ),
    "two dates added": ("return user.born + today > today", "a date + a date means nothing", ""),
    "a period alone": ("return is_known(months(1))", "a period has no value of its own", "months"),
    "a number as a condition": (
        "return user.points",
        "an integer is not a condition",
        "compare it with something",
    ),
    "a text as a condition": ("return user.sex and user.vip", "a text is not a condition", ""),
    "not of a date": ("return not user.born", "a date is not a condition", ""),
    "texts in order": ("return user.region < '77'", "a text has no order", "use == or !="),
    "conditions in order": ("return user.vip > user.active", "has no order", ""),
    "a value that a text never has": (
        "return user.sex == 'femal'",
        'sex is never "femal"',
        "did you mean female?",
    ),
    "a value that a text never is one of": (
        "return user.sex in ['woman', 'man']",
        'sex is never "woman"',
        "",
    ),
    "one of numbers for a text": (
        "return user.region in [77]",
        "a text is never an integer",
        "",
    ),
    "one of nothing": ("return user.region in []", "nothing is one of nothing", ""),
    "the same choice twice": ("return user.points in [1, 2, 1]", "1 is there twice", ""),
    "a choice that is no constant": (
        "return user.points in [user.level]",
        "only constants can be listed",
        "==",
    ),
    "in something that is no list": (
        "return user.region in user.sex",
        "in needs a list that is written out",
        "",
    ),
    "None": ("return user.born == None", "the language has no None", "is_known(...)"),
    "is": ("return user.born is None", "is cannot stand here", "is_known(...)"),
    "two conditions by &": ("return user.vip & user.active", "has no & (write and)", ""),
    "a power": ("return user.points ** 9 > 1", "the language has no power", ""),
    "a statistic without a key": (
        "return user.orders.count > 0",
        'a keyed statistic has no "count"',
        'user.orders["passport"].count',
    ),
    "a statistic without a field": (
        "return user.orders['x'] > 0",
        "one key of a statistic and an integer",
        "choose a field",
    ),
    "an unknown field of a statistic": (
        "return user.orders['x'].total > 0",
        'a statistic has no "total"',
        "count, first, last, sum",
    ),
    "a named statistic without a word": (
        "return user.deeds['x'] > 0",
        "one key of a statistic and an integer",
        "choose a field",
    ),
    "a word of statistics without names": (
        "return user.deeds['x'].count > 0",
        'a statistic has no "count"',
        "done, first_done, first_undone, last_done, last_undone, undone",
    ),
    "a misspelt word of a named statistic": (
        "return user.deeds['x'].last_don > today",
        'a statistic has no "last_don"',
        "did you mean last_done?",
    ),
    "a time of a named statistic as a day": (
        "return user.deeds['x'].last_done <= today",
        "a time (datetime) and a date",
        "day_of(...)",
    ),
    "a computed key": (
        "return user.orders[user.region].count > 0",
        "the key of a statistic is a text",
        "",
    ),
    "a key of a date": ("return user.born[0] > 1", "a date has no keys", ""),
    "a key of a windowed count": ("return user.recent['x'] > 1", "an integer has no keys", ""),
    "the count of a windowed count": (
        "return user.recent.count > 1",
        'an integer has no "count"',
        "",
    ),
    "a windowed count as a condition": (
        "return user.recent",
        "an integer is not a condition",
        "compare it with something",
    ),
    "the function behind windowed counts": (
        "return count_within(user.recent, 3) > 1",
        'there is no function "count_within"',
        "",
    ),
    "a day that does not exist": (
        "return user.born < date(2027, 2, 29)",
        "there is no such day in the calendar",
        "",
    ),
    "a day without its parts": (
        "return user.born < date('2027-02-29')",
        "date() takes a year, a month and a day",
        "date(2026, 12, 31)",
    ),
    "too few arguments": ("return age() > 1", "age() takes 1 argument", "age(born: date)"),
    "a wrong argument": (
        "return age(user.seen) > 1",
        "age(born) takes a date, not a time (datetime)",
        "day_of(...)",
    ),
    "a named argument": (
        "return age(born=user.born) > 1",
        "arguments stand without names",
        "",
    ),
    "a number of 65 bits": (
        "return user.points < 9223372036854775808",
        "this number is too large",
        "",
    ),
    "a number beyond measure": ("return user.owed < 1e999", "this number is too large", ""),
    "a remainder of decimals": ("return user.owed % 2 > 1", "% is for integers", ""),
    "a lambda": ("return (lambda: True)()", "only the functions", ""),
    "a comprehension": ("return [x for x in [1]]", "the language has no comprehension", ""),
    "a walrus": ("return (x := user.vip)", "the language has no assignment in an expression", ""),
    "an f-string": ("return user.region == f'{today}'", "the language has no f-string", ""),
    "bytes": ("return user.region == b'77'", "the language has no bytes", ""),
    "a loop": ("for x in []: pass\n    return True", "a predicate has no loop", ""),
    "an import": ("import os\n    return True", "a predicate has no import", ""),
    "a statement that does nothing": (
        "age(user.born)\n    return True",
        "a predicate has no statement that only computes",
        "",
    ),
    "an assignment to two names": (
        "a = b = 1\n    return True",
        "a predicate has no assignment but to one name",
        "",
    ),
    "an assignment to a word": (
        "today = user.born\n    return True",
        "today is a word of the language",
        "",
    ),
    "a path without a verdict": (
        "if user.vip:\n        return True",
        "a path through this returns nothing",
        "return False",
    ),
    "a bare return": ("return", "return what?", ""),
    "no verdict at all": ("x = 1", "a path through this returns nothing", ""),
    "a name of one path only": (
        "if user.vip:\n        x = 1\n    return x > 0",
        '"x" is not defined here',
        "",
    ),
    "a statement behind the end": (
        "return True\n    return user.bron",
        "no path comes here",
        "remove it",
    ),
    "branches of two types": (
        "x = 1 if user.vip else user.born\n    return x == 1",
        "an integer and a date do not go together",
        "",
    ),
    "a tree that explodes": (
        "x = user.points\n" + "    x = x + x\n" * 60 + "    return x > 0",
        "1023 parts when its local names are written out",
        "at most 1000: split the rule",
    ),
    "a tree that is too deep": (
        "x = user.vip\n" + "    x = not x\n" * 60 + "    return x",
        "51 parts in each other when its local names are written out",
        "at most 50: split the rule",
    ),
    "paths that explode": (
        "x = 0\n"
        + "".join(f"    if user.points > {n}:\n        x = {n}\n" for n in range(30))
        + "    return x > 0",
        "too large to be checked",
        "split the rule",
    ),
    "paths through statements that say nothing": (
        "if user.vip:\n        ''\n    " * 11 + "''\n    " * 300 + "return user.vip",
        "too large to be checked",
        "split the rule",
    ),
    "paths through statements that are refused": (
        "if user.vip:\n        ''\n    " * 11 + "pass\n    " * 40 + "return user.vip",
        "too large to be checked",
        "split the rule",
    ),
    "a key that is half a character": (
        'return user.orders["\\ud800"].count > 0',
        "a character that cannot be shown, U+D800",
        "remove it",
    ),
    "a key that ends a text in a database": (
        'return user.orders["a\\x00"].count > 0',
        "a character that cannot be shown, U+0000",
        "remove it",
    ),
    "more branches than anybody follows": (
        "".join(f"if user.points == {n}:\n        return True\n    " for n in range(41))
        + "return False",
        "more than 40 branches",
        "",
    ),
}


@pytest.mark.parametrize("name", WRONG_PREDICATES)
def test_a_wrong_predicate_is_told_why_and_how_to_mend_it(name, script, read_script):
    predicate, message, hint = WRONG_PREDICATES[name]
    rule, source = read_script(script.replace(PREDICATE, predicate))
    assert rule is None
    found = [problem for problem in source.problems if message in problem.message]
    assert found, source.problems
    assert any(hint in problem.hint for problem in found)
