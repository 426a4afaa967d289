"""More tax was paid than was assessed, and nobody asked for the rest."""

owner = "taxes"
tags = ["taxes", "money"]
banner = Banner(
    placement="sidebar",
    priority=51,
    link="/services/taxes/refund",
    title={
        "en": "You paid more tax than you owe: get it back",
        "ru": "Вы переплатили налог: верните деньги",
    },
)


def matches(user, today):
    asked = user.orders["tax_refund"].last
    is_coming = is_known(asked) and day_of(asked) + months(1) >= today
    return user.taxes_owed <= -100 and not is_coming


examples = [
    match(today="2026-11-23", taxes_owed=-100),
    match(
        today="2026-11-23",
        taxes_owed=-2450.30,
        orders={"tax_refund": {"last": "2026-10-22T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", taxes_owed=-99.99),
    no_match(
        today="2026-11-23",
        taxes_owed=-2450.30,
        orders={"tax_refund": {"last": "2026-10-23T12:00:00Z"}},
    ),
]
