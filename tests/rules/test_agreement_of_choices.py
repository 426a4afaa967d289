"""All readings agree on choices, see test_agreement: within each other, of what cannot be had."""

from datetime import date

import pytest

from quadrupel.rules.holidays import Holidays

from .test_agreement import DAY, NUMBER, ORDER, PAIRS, form, generated, words

HOLIDAYS = Holidays(
    tuple([date(year, month, 1) for year in (2026, 2028) for month in range(1, 13)])
)
SAME_FOR_ALL = words(
    *("is_weekend(today)", "is_holiday(today + days(1))", "today < date(2027, 6, 1)", "True"),
    *("1 // 0 in [1, 2, 3, 4, 5, 6, 7, 8, 9]", "is_known(1 // 0)", "False"),
)
ASKED = words(
    *("user.vip", "user.active", "today <= user.expires", "is_holiday(user.issued)"),
    *("user.points // user.level > 1", 'user.region == "77"', "0.5 < user.recent"),
    *("age(user.born if user.vip else today) == 18", "(user.vip if user.active else True)"),
)
BRANCH = SAME_FOR_ALL | ASKED | ASKED
COUNT = words("1", "-60 * 12", "1 // 0", "user.level")
DAYS = form("({} if {} else {} if {} else {})", DAY, BRANCH, DAY, BRANCH, DAY)
SHIFTED = form(
    "({} + years(60 if {} else 65) - {}({} if {} else 2))",
    *(DAY, ASKED, words("days", "months"), COUNT, BRANCH),
)
NUMBERS = form("({} if {} else {} // user.level if {} else 2)", NUMBER, ASKED, NUMBER, BRANCH)
CHOSEN = form("{} {} {}", DAYS, ORDER, SHIFTED) | form("{} {} {}", NUMBERS, ORDER, NUMBER)
CHOICES = form(
    "{} if ({} if {} else {}) else {} if {} else {}",
    *(CHOSEN, BRANCH, CHOSEN, ASKED, BRANCH, CHOSEN, BRANCH),
)


@pytest.mark.timeout(max(300, PAIRS // 100))
def test_the_readings_of_choices_within_choices_agree(schema):
    pairs = PAIRS // 4
    assert generated(schema, pairs, CHOSEN | CHOICES, HOLIDAYS) >= pairs
