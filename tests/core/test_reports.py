"""Which arm of a report is compared with which."""

from datetime import UTC, datetime

import pytest

from quadrupel.core.experiments import CONTROL, SHOWN
from quadrupel.core.reports import Counts, rule_report

SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)
BOTH = ["day_off", "two_hours"]


def counts(arm: str) -> Counts:
    """An arm of two thousand, all of whom were shown the banner but those of the control group."""
    shown = 0 if arm == CONTROL else 2000
    return Counts(2000, shown, shown // 2, shown // 20, 0, 180, SEPTEMBER)


@pytest.mark.parametrize(
    ("arms", "variants", "goals", "clicks"),
    [
        (BOTH, BOTH, [None, "day_off"], [None, "day_off"]),
        ([CONTROL, *BOTH], BOTH, [None, CONTROL, CONTROL], [None, None, "day_off"]),
        ([CONTROL, SHOWN], [], [None, CONTROL], [None, None]),
        ([SHOWN], [], [None], [None]),
        # Who began to match before there were variants did so on other days than their readers.
        ([SHOWN, *BOTH], BOTH, [None, None, "day_off"], [None, None, "day_off"]),
        ([SHOWN, "two_hours"], BOTH, [None, None], [None, None]),
        (
            [CONTROL, SHOWN, *BOTH],
            BOTH,
            [None, None, CONTROL, CONTROL],
            [None, None, None, "day_off"],
        ),
        # And so did who began to match after there were some.
        ([SHOWN, *BOTH], [], [None, None, "day_off"], [None, None, "day_off"]),
        (
            [CONTROL, SHOWN, *BOTH],
            [],
            [None, CONTROL, CONTROL, CONTROL],
            [None, None, None, "day_off"],
        ),
    ],
)
def test_an_arm_is_compared_with_the_control_group_or_the_first_variant(
    arms, variants, goals, clicks
):
    report = rule_report("checkup_due", {arm: counts(arm) for arm in arms}, variants, has_goal=True)
    assert [each.arm for each in report.arms] == arms
    found = [each.goal_difference for each in report.arms]
    assert [each and each.against for each in found] == goals
    found = [each.click_difference for each in report.arms]
    assert [each and each.against for each in found] == clicks


def test_without_a_goal_only_clicks_are_compared():
    report = rule_report("checkup_due", {arm: counts(arm) for arm in BOTH}, BOTH, has_goal=False)
    assert [each.goal_difference for each in report.arms] == [None, None]
    assert [each.click_difference is None for each in report.arms] == [True, False]
