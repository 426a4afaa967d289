import pytest

from quadrupel.core.run_plans import RunKind, RunPlan, plan_run

A = {"a": "1", "b": "1"}


@pytest.mark.parametrize(
    ("covered", "current", "full", "plan"),
    [
        (A, A, False, RunPlan(RunKind.DUE)),
        (A, A, True, RunPlan(RunKind.FULL)),
        (A, A | {"b": "2"}, False, RunPlan(RunKind.RULES, ("b",))),
        (A, A | {"c": "1"}, False, RunPlan(RunKind.RULES, ("c",))),
        (A, {"a": "1"}, False, RunPlan(RunKind.RULES, (), ("b",))),
        (A, {"a": "2", "c": "1"}, True, RunPlan(RunKind.FULL, ("a", "c"), ("b",))),
        (A, {}, False, RunPlan(RunKind.RULES, (), ("a", "b"))),
        ({}, A, False, RunPlan(RunKind.RULES, ("a", "b"))),
    ],
)
def test_a_run_evaluates_everybody_only_where_deadlines_cannot_know(covered, current, full, plan):
    assert plan_run([covered], current, full=full) == plan


@pytest.mark.parametrize(("current", "changed"), [(A, ("a", "b")), ({}, ())])
def test_where_nobody_was_evaluated_everybody_is(current, changed):
    assert plan_run([], current) == RunPlan(RunKind.FULL, changed)


@pytest.mark.parametrize(
    ("since", "plan"),
    [
        (A, RunPlan(RunKind.DUE)),
        (A | {"b": "2"}, RunPlan(RunKind.RULES, ("b",))),
        (A | {"c": "1"}, RunPlan(RunKind.RULES, (), ("c",))),
        ({"a": "1"}, RunPlan(RunKind.RULES, ("b",))),
    ],
)
def test_what_was_asked_by_other_rules_since_everybody_was_is_asked_again(since, plan):
    assert plan_run([A, since], A) == plan_run([since, A], A) == plan


def test_rules_in_another_order_are_the_same_rules():
    assert plan_run([A], dict(reversed(A.items()))).kind is RunKind.DUE
