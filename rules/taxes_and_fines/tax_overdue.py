"""A tax worth collecting was not paid in time.

Only the day of the latest tax is known: until that has passed, nothing is said of older ones.
"""

owner = "taxes"
tags = ["taxes", "money"]
banner = Banner(
    placement="main",
    priority=91,
    story="tax_payment",
    link="/services/taxes/pay",
    title={
        "en": "Tax was due by {tax_due}: RUB {taxes_owed}",
        "ru": "Налог нужно было оплатить до {tax_due}: {taxes_owed} руб.",
    },
    text={
        "en": "Interest grows every day until you pay.",
        "ru": "Пени растут каждый день до оплаты.",
    },
)
once_per = "tax_due"


def matches(user, today):
    grace = 0 if user.taxes_owed >= 3000 else 10
    return user.taxes_owed >= 100 and days_since(user.tax_due) > grace


examples = [
    match(today="2026-12-02", taxes_owed=3000, tax_due="2026-12-01"),
    match(today="2026-12-12", taxes_owed=100, tax_due="2026-12-01"),
    no_match(today="2026-12-11", taxes_owed=2999.99, tax_due="2026-12-01"),
    no_match(today="2026-12-31", taxes_owed=99, tax_due="2026-12-01"),
    unknown(today="2026-12-02", taxes_owed=5000),
]
