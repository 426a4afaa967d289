"""Pensioners pay no tax on one home; this one was assessed a tax and has not asked for the relief."""

owner = "taxes"
tags = ["taxes", "pension", "money"]
banner = Banner(
    placement="main",
    priority=79,
    story="tax_payment",
    link="/services/taxes/relief",
    title={
        "en": "Before you pay the tax: pensioners have a relief",
        "ru": "Прежде чем платить налог: пенсионерам положена льгота",
    },
    text={
        "en": "You were assessed RUB {taxes_owed}. One application, and it is reckoned again.",
        "ru": "Вам начислено {taxes_owed} руб. Подайте одно заявление, и налог пересчитают.",
    },
)
once_per = "tax_due"


def matches(user, today):
    assessed = user.taxes_owed > 0 and today <= user.tax_due
    return assessed and user.pension_granted <= today and user.orders["tax_relief"].count == 0


examples = [
    match(today="2026-11-23", taxes_owed=900, tax_due="2026-12-01", pension_granted="2020-01-01"),
    match(today="2026-11-23", taxes_owed=0.5, tax_due="2026-11-23", pension_granted="2026-11-23"),
    no_match(
        today="2026-11-23", taxes_owed=900, tax_due="2026-11-22", pension_granted="2020-01-01"
    ),
    no_match(today="2026-11-23", taxes_owed=0, tax_due="2026-12-01", pension_granted="2020-01-01"),
    no_match(
        today="2026-11-23", taxes_owed=900, tax_due="2026-12-01", pension_granted="2026-11-24"
    ),
    no_match(
        today="2026-11-23",
        taxes_owed=900,
        tax_due="2026-12-01",
        pension_granted="2020-01-01",
        orders={"tax_relief": {"last": "2026-11-20T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", taxes_owed=900, tax_due="2026-12-01"),
]
