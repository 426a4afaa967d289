import pytest

from quadrupel.core.refusals import EVERYTHING, MAILINGS, is_refused, topic_of


@pytest.mark.parametrize(
    ("origin", "topic"),
    [
        ("mailing:spring", MAILINGS),
        ("mailing:rule", MAILINGS),
        ("rule:birthday", "rule:birthday"),
        ("rule:mailings", "rule:mailings"),
    ],
)
def test_all_mailings_are_one_topic_and_each_rule_is_one(origin, topic):
    assert topic_of(origin) == topic


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ((), False),
        ((MAILINGS,), True),
        ((EVERYTHING,), True),
        (("rule:birthday",), False),
        (("rule:birthday", MAILINGS), True),
    ],
)
def test_a_topic_is_refused_by_itself_or_with_everything(refused, expected):
    assert is_refused(MAILINGS, refused) is expected
