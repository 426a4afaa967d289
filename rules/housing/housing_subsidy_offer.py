"""A debt for utilities and an income that is likely low: a subsidy could pay a part of the bills.

A pension, no job or three children stand for the income, which Quadrupel does not know.
"""

owner = "social"
tags = ["benefits", "money"]
banner = Banner(
    placement="main",
    priority=59,
    link="/services/housing-subsidy",
    title={
        "en": "A subsidy may pay a part of your utility bills",
        "ru": "Часть коммунальных платежей может покрыть субсидия",
    },
)


def matches(user, today):
    asked = user.orders["housing_subsidy"].last
    if is_known(asked) and day_of(asked) >= today - months(6):
        return False
    has_subsidy = is_known(user.subsidy_until) and today <= user.subsidy_until
    has_no_job = is_known(user.employed) and not user.employed
    low_income = is_known(user.pension_granted) or has_no_job or user.children >= 3
    return user.utilities_owed >= 2000 and low_income and not has_subsidy


examples = [
    match(today="2026-11-23", utilities_owed=2000, pension_granted="2020-02-02"),
    match(today="2026-11-23", utilities_owed=8100.50, children=3, subsidy_until="2026-11-22"),
    match(
        today="2026-11-23",
        utilities_owed=2500,
        employed=False,
        orders={"housing_subsidy": {"last": "2026-05-22T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", utilities_owed=1999.99, pension_granted="2020-02-02"),
    no_match(today="2026-11-23", utilities_owed=8100.50, employed=True, children=2),
    no_match(today="2026-11-23", utilities_owed=8100, children=3, subsidy_until="2026-11-23"),
    no_match(today="2026-11-23", utilities_owed=8100.50),
    no_match(
        today="2026-11-23",
        utilities_owed=8100.50,
        children=3,
        orders={"housing_subsidy": {"last": "2026-05-23T12:00:00Z"}},
    ),
]
