"""An assessed tax is to be paid within a month."""

owner = "taxes"
tags = ["taxes", "money"]
banner = Banner(
    placement="main",
    priority=72,
    story="tax_payment",
    link="/services/taxes/pay",
    title={
        "en": "Pay your tax by {tax_due}: RUB {taxes_owed} in all",
        "ru": "Оплатите налоги до {tax_due}: всего {taxes_owed} руб.",
    },
    text={
        "en": "What was due before is to be paid at once: interest on it grows every day.",
        "ru": "Прежние долги оплатите сразу: пени по ним растут каждый день.",
    },
)
email = Email(template="tax_due")
once_per = "tax_due"


def matches(user, today):
    return user.taxes_owed >= 1 and between(user.tax_due, today, today + months(1))


examples = [
    match(today="2026-11-23", taxes_owed=4200.10, tax_due="2026-12-01"),
    match(today="2027-01-31", taxes_owed=1, tax_due="2027-02-28"),
    no_match(today="2027-01-31", taxes_owed=900, tax_due="2027-03-01"),
    no_match(today="2026-11-23", taxes_owed=0.99, tax_due="2026-12-01"),
    no_match(today="2026-11-23", taxes_owed=4200, tax_due="2026-11-22"),
    unknown(today="2026-11-23", taxes_owed=4200),
]
