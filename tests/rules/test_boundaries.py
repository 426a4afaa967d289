from datetime import date

import pytest

from quadrupel.core.verdicts import Verdict
from quadrupel.rules.boundaries import boundaries

YES, NO, GAP = Verdict.MATCH, Verdict.NO_MATCH, Verdict.UNKNOWN


@pytest.fixture
def around(read_script, script):
    """The boundaries of a script with another condition and other examples."""

    def find(condition, *examples):
        start = script.replace("user.born <= today", condition).partition("examples = ")[0]
        listed = "".join(f"    {example},\n" for example in examples)
        rule, source = read_script(f"{start}examples = [\n{listed}]\n")
        assert source.problems == ()
        return boundaries(rule)

    return find


EXAMPLES = (
    'match(today="2026-11-23", born="2000-02-29")',
    'no_match(today="2026-11-23", born="2030-01-01")',
    'unknown(today="2026-11-23")',
)


def test_the_days_around_the_one_on_which_both_sides_meet_are_read(around):
    first, second = around("user.born <= today", *EXAMPLES)
    assert first.varied == "today"
    assert first.days == (date(2000, 2, 28), date(2000, 2, 29), date(2000, 3, 1))
    assert first.verdicts == (NO, YES, YES)
    assert list(first.changes()) == [(date(2000, 2, 29), NO, YES)]
    assert second.days[1] == date(2030, 1, 1)


def test_a_strict_comparison_changes_a_day_later(around):
    first, _ = around("user.born < today", *EXAMPLES)
    assert list(first.changes()) == [(date(2000, 3, 1), NO, YES)]


def test_ages_change_on_birthdays(around):
    found = around("age(user.born) >= 18", *EXAMPLES)
    assert list(found[0].changes()) == [(date(2018, 2, 28), NO, YES)]


def test_an_equality_holds_on_one_day_between_two_changes(around):
    found = around(
        "user.born == today",
        'match(today="2026-11-23", born="2026-11-23")',
        'no_match(today="2026-11-23", born="2030-01-01")',
        'unknown(today="2026-11-23")',
    )
    assert [boundary.verdicts for boundary in found] == [(NO, YES, NO), (NO, YES, NO)]


def test_without_today_an_attribute_is_moved(around):
    found = around(
        "user.issued < user.expires",
        'match(today="2026-11-23", issued="2026-01-01", expires="2027-01-01")',
        'no_match(today="2026-11-23", issued="2026-01-01", expires="2025-01-01")',
        'unknown(today="2026-11-23")',
    )
    assert [(each.varied, each.days[1]) for each in found] == [
        ("issued", date(2027, 1, 1)),
        ("issued", date(2025, 1, 1)),
    ]


def test_comparisons_without_days_have_no_boundaries(around):
    assert (
        around(
            "user.points > 3",
            'match(today="2026-11-23", points=4)',
            'no_match(today="2026-11-23", points=3)',
            'unknown(today="2026-11-23")',
        )
        == []
    )


def test_a_day_on_which_the_rule_has_no_answer_fails(around):
    found = around(
        "today <= user.expires and 10 // (days_until(user.expires) + 1) >= 0",
        'match(today="2026-11-23", expires="2026-12-20")',
        'no_match(today="2026-11-23", expires="2026-01-01")',
        'unknown(today="2026-11-23")',
    )
    assert not any(boundary.fails for boundary in found)
    found = around(
        "today <= user.expires and 10 // days_until(user.expires) >= 0",
        'match(today="2026-11-23", expires="2026-12-20")',
        'no_match(today="2026-11-23", expires="2026-01-01")',
        'unknown(today="2026-11-23")',
    )
    assert [boundary.example.line for boundary in found if boundary.fails]


@pytest.mark.parametrize("today", ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"])
def test_the_ends_of_the_calendar_are_no_boundaries(around, today):
    found = around(
        "today != date(1, 1, 1) and today != date(9999, 12, 31) and user.points > 1",
        'match(today="2026-11-23", points=2)',
        f'no_match(today="{today}", points=1)',
        f'unknown(today="{today}")',
    )
    assert found == []
