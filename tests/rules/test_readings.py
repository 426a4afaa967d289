"""What is said of rules of which a reading cannot be written: the checker lets none pass."""

import re
from dataclasses import replace

import polars as pl

from quadrupel.rules import catalogue, columnar_text
from quadrupel.rules.columnar_functions import COLUMN_FUNCTIONS, Result
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.readings import unwritable
from quadrupel.rules.tree import And, Call, Compare, Constant, Kind

from .conftest import PREDICATE


def test_of_rules_that_are_right_nothing_is_said(folder):
    assert list(unwritable(catalogue.load(folder).rules.values())) == []


def test_a_rule_that_would_fail_the_query_of_all_is_told_where(folder):
    (rule,) = catalogue.load(folder).rules.values()
    tree = rule.predicate.tree
    wrong = Constant("\ud800", Kind.TEXT, tree.right.place)
    predicate = Predicate(And((tree, Compare("==", wrong, wrong, tree.place))), "")
    (problem,) = unwritable([replace(rule, predicate=predicate)])
    assert problem.path == rule.path
    assert problem.message.startswith("cannot be read by columns: ")
    assert problem.excerpt == "    return user.born <= today"
    assert problem.excerpt[problem.column - 1 :][: problem.width] == "today"


def test_a_rule_that_fails_only_where_it_is_asked_is_told_too(folder, monkeypatch):
    def wrong(_today, _day):
        return Result(pl.lit(pl.Series([True, False, True])))

    table = {**COLUMN_FUNCTIONS, "is_weekend": wrong}
    monkeypatch.setattr(columnar_text, "COLUMN_FUNCTIONS", table)
    (rule,) = catalogue.load(folder).rules.values()
    born = rule.predicate.tree.left
    predicate = Predicate(Call("is_weekend", (born,), Kind.BOOLEAN, born.place), "")
    (problem,) = unwritable([replace(rule, predicate=predicate)])
    assert problem.message.startswith("cannot be read by columns: ")
    assert problem.excerpt[problem.column - 1 :][: problem.width] == "user.born"


def test_a_rule_that_would_be_too_large_by_columns_is_told_to_be_split(folder):
    script = folder / "people" / "someone_born.py"
    shifts = "\n    ".join(["born = user.born", *["born = born + months(user.level)"] * 45])
    script.write_text(script.read_text().replace(PREDICATE, f"{shifts}\n    return born <= today"))
    (problem,) = unwritable(catalogue.load(folder).rules.values())
    assert re.fullmatch(
        "cannot be read by columns: its inputs would be read [0-9,]+ times, at most 2,000: "
        "split the rule",
        problem.message,
    )


def test_a_rule_whose_file_is_gone_is_told_of_all_the_same(folder):
    (rule,) = catalogue.load(folder).rules.values()
    predicate = Predicate(Constant("\ud800", Kind.TEXT), "")
    (problem,) = unwritable([replace(rule, path="gone.py", predicate=predicate)])
    assert (problem.path, problem.line) == ("gone.py", 0)
