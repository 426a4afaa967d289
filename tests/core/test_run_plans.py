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
        (None, A, False, RunPlan(RunKind.FULL, ("a", "b"))),
        (None, {}, False, RunPlan(RunKind.FULL)),
        ({}, A, False, RunPlan(RunKind.RULES, ("a", "b"))),
    ],
)
def test_a_run_evaluates_everybody_only_where_deadlines_cannot_know(covered, current, full, plan):
    assert plan_run(covered, current, full=full) == plan


def test_rules_in_another_order_are_the_same_rules():
    assert plan_run(A, dict(reversed(A.items()))).kind is RunKind.DUE
