import pytest

from quadrupel.core.refusals import EVERYTHING, MAILINGS, is_refused, kind_of


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        ("mailing:spring", MAILINGS),
        ("mailing:rule", MAILINGS),
        ("rule:birthday", "rule:birthday"),
        ("rule:mailings", "rule:mailings"),
    ],
)
def test_all_mailings_are_one_kind_and_each_rule_is_one(origin, kind):
    assert kind_of(origin) == kind


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
def test_a_kind_is_refused_by_itself_or_with_everything(refused, expected):
    assert is_refused(MAILINGS, refused) is expected
