import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.garbage import IN_A_ROW, MOST_BAD, WINDOW, Judge

HEALTHY = "." * 9 + "x"  # a tenth is bad, and no more


def first_found(judge, outcomes):
    """The number, from 1, of the event at which the judge finds garbage; None if he never does."""
    for number, outcome in enumerate(outcomes, 1):
        if outcome == ".":
            judge.good()
        elif judge.bad() is not None:
            return number
    return None


TABLE = [
    ("nothing", "", None),
    ("only good ones", "." * 5_000, None),
    ("one bad one at the start", "x" + "." * 50, None),
    ("one bad one alone", "x", None),
    ("99 in a row", "x" * 99 + "." + "x", None),
    ("100 in a row", "x" * 100, 100),
    ("100 in a row after good ones", "." * 3_000 + "x" * 100, 3_100),
    ("99 in a row, twice, a good one between", "x" * 99 + "." + "x" * 99, 102),
    ("a tenth, evenly", HEALTHY * 500, None),
    ("a tenth and one more", HEALTHY * 100 + "x", 1_001),
    ("a tenth and one more, the very first having left", "x" + HEALTHY * 100 + "x", 1_002),
    ("a ninth, evenly", ("." * 8 + "x") * 500, 909),
    ("every second, from the start", ".x" * 500, 202),
    ("101 bad ones before there were 1,000", "x." * 100 + "x", 201),
    ("100 bad ones, then good ones, then one", "x." * 100 + "." * 799 + "x", 1_000),
    ("the same, the first one having left", "x." * 100 + "." * 800 + "x", None),
    ("bad by turns with a healthy past", HEALTHY * 200 + "x.", 2_001),
]


@pytest.mark.parametrize(("_", "outcomes", "expected"), TABLE, ids=[name for name, *_ in TABLE])
def test_garbage_is_found_at_the_event_that_is_one_too_many(_, outcomes, expected):
    assert first_found(Judge(), outcomes) == expected


def test_what_is_found_says_how_many_were_bad():
    judge = Judge()
    assert {judge.bad() for _ in range(100)} == {None, "100 messages in a row were bad"}
    judge = Judge()
    found = [judge.good() or judge.bad() for _ in range(101)]
    assert found[-2:] == [None, "101 of the last 1,000 messages were bad"]


def test_good_events_can_be_told_at_once():
    one, many = Judge(), Judge()
    for _ in range(700):
        one.good()
    many.good(0)
    many.good(700)
    assert one == many
    one.bad()
    one.good(0)
    assert first_found(one, "x" * 99) == 99


def test_a_judge_lets_garbage_pass_until_the_share_is_healthy_and_is_armed_again():
    judge = Judge()
    judge.good(5_000)
    judge.let_pass()
    assert first_found(judge, "x" * 5_000) is None
    assert first_found(judge, "." * 899 + "x" * 200) is None
    assert not judge.is_armed()
    judge.good(900)
    assert judge.is_armed()
    assert first_found(judge, "x" * 200) == IN_A_ROW


def test_a_judge_who_let_good_events_pass_is_armed_again_by_nine_hundred_of_them():
    judge = Judge()
    judge.let_pass()
    judge.good(WINDOW - MOST_BAD - 1)
    assert not judge.is_armed()
    judge.good()
    assert judge.is_armed()
    judge.good(MOST_BAD)
    assert first_found(judge, "x" * 200) == IN_A_ROW


def test_a_judge_is_clean_when_nothing_bad_is_in_the_window():
    judge = Judge()
    assert judge.is_clean()
    judge.bad()
    judge.good(WINDOW - 1)
    assert not judge.is_clean()
    judge.good()
    assert judge.is_clean()
    judge.let_pass()
    assert not judge.is_clean()


def test_a_copy_is_told_things_of_its_own():
    judge = Judge()
    assert first_found(judge.copy(), "x" * 100) == 100
    assert judge == Judge()


@given(st.lists(st.tuples(st.sampled_from(".x"), st.integers(1, 150)), max_size=30))
def test_garbage_is_what_plain_counting_says(runs):
    """Beside a count over the whole list."""
    told = "".join(outcome * times for outcome, times in runs)
    expected = None
    for number in range(1, len(told) + 1):
        window, recent = told[max(0, number - WINDOW) : number], told[:number][-IN_A_ROW:]
        if told[number - 1] == "x" and (window.count("x") > MOST_BAD or recent == "x" * IN_A_ROW):
            expected = number
            break
    assert first_found(Judge(), told) == expected
