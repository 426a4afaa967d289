from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.guards import Reason, Trial, Usual, judge, withheld
from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.publishing import Publication, Published, decide
from quadrupel.core.verdicts import Evaluation, RuleMatch

USERS = 50_000
USUAL = Usual(ratio=0.01, seconds_per_user=1e-6)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 23)


def trial(matched=500, errors=0, seconds=0.05, users=USERS):
    return Trial(users, matched, errors, seconds)


@pytest.mark.parametrize(
    ("what", "options", "reason"),
    [
        (trial(), {}, None),
        (trial(errors=50), {}, None),
        (trial(errors=51), {}, Reason.ERRORS),
        (trial(errors=1), {"is_new": True}, Reason.ERRORS),
        (trial(errors=1, users=3), {"is_new": True}, Reason.ERRORS),
        (trial(errors=100), {"accepted": trial(errors=50)}, None),
        (trial(errors=101), {"accepted": trial(errors=50)}, Reason.ERRORS),
        (trial(2_500), {"max_match_ratio": 0.05}, None),
        (trial(2_501), {"max_match_ratio": 0.05}, Reason.RATIO),
        (trial(999, users=999), {"max_match_ratio": 0.05}, None),
        (trial(5_000), {"max_match_ratio": 0.05, "accepted": trial(2_501)}, None),
        (trial(5_003), {"max_match_ratio": 0.05, "accepted": trial(2_501)}, Reason.RATIO),
        (trial(10_000), {}, None),
        (trial(10_001), {}, Reason.NUMBER),
        (trial(10_001), {"usual": None}, None),
        (trial(19), {"usual": Usual(0.0, 1e-6)}, None),
        (trial(20), {"usual": Usual(0.0, 1e-6)}, Reason.NUMBER),
        (trial(999, users=999), {}, None),
        (trial(20_000), {"accepted": trial(10_001)}, None),
        (trial(20_003), {"accepted": trial(10_001)}, Reason.NUMBER),
        (trial(seconds=0.499), {}, None),
        (trial(seconds=0.501), {}, Reason.TIME),
        (trial(seconds=9.0, users=999), {}, None),
        (trial(seconds=0.51), {"usual": None}, None),
        (trial(seconds=0.019), {"usual": Usual(0.01, 1e-9)}, None),
        (trial(seconds=0.021), {"usual": Usual(0.01, 1e-9)}, Reason.TIME),
        (trial(seconds=1.0), {"accepted": trial(seconds=0.51)}, None),
        (trial(seconds=1.1), {"accepted": trial(seconds=0.51)}, Reason.TIME),
        (trial(50_000, 50_000, 9.9), {}, Reason.ERRORS),
        (Trial(0), {"max_match_ratio": 0.0, "is_new": True}, None),
    ],
    ids=str,
)
def test_a_rule_is_held_for_errors_too_many_matches_or_time(what, options, reason):
    found = judge(what, **({"usual": USUAL} | options))
    assert (found and found.reason) is reason


@pytest.mark.parametrize(
    ("what", "most", "said"),
    [
        (trial(errors=51), None, "errs on 51 of 50,000 users"),
        (
            trial(20_000),
            0.05,
            "matches 40.00% of the users, its max_match_ratio is 5.00%",
        ),
        (trial(20_000), None, "matches 40.00% of the users, usually 1.00%"),
        (trial(seconds=1.0), None, "takes 20.00 microseconds a user, usually 1.00"),
    ],
)
def test_the_reason_is_said_with_its_numbers(what, most, said):
    assert judge(what, USUAL, most).said == said


SOME_TRIALS = st.builds(
    Trial, st.just(USERS), st.integers(0, USERS), st.integers(0, USERS), st.floats(0, 100)
)


@given(SOME_TRIALS, st.floats(0, 1), st.booleans())
def test_what_was_accepted_is_accepted_again(what, most, is_new):
    assert judge(what, USUAL, most, is_new=is_new, accepted=what) is None


RULES = ["a", "b", "c"]
CATALOGUE = Catalogue(
    {rule: Offer(rule, "main", messages=(("email", rule),)) for rule in RULES}, {"main": 9}
)


@given(
    st.sets(st.sampled_from(RULES)),
    st.sets(st.sampled_from(RULES)),
    st.sets(st.sampled_from(RULES)),
)
def test_a_held_rule_changes_nothing_and_the_others_go_on(open_now, holds, held):
    def evaluation(rules):
        matches = tuple(RuleMatch(rule) for rule in sorted(rules))
        return Evaluation("anna", 2, DAY, NOW, "set", matches)

    before = Published(1, 1, DAY, NOW, ())
    open_matches = [Match(rule, "2026-01-01", date(2026, 1, 1), {}) for rule in sorted(open_now)]
    found = decide(withheld(evaluation(holds), held), before, open_matches, CATALOGUE)
    assert isinstance(found, Publication)
    assert set(found.held) == (holds - held) | (open_now & held)
    assert not {each.rule for each in (*found.opened, *found.closed)} & held
    assert {each.key.origin for each in found.messages} == {
        f"rule:{rule}" for rule in holds - held - open_now
    }


def test_without_held_rules_an_evaluation_is_what_it_was():
    evaluation = Evaluation("anna", 2, DAY, NOW, "set", (RuleMatch("a"),), ("b",))
    assert withheld(evaluation, ()) is evaluation
