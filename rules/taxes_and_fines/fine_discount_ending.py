"""The latest traffic fine can be settled at half its amount for a week more."""

owner = "fines"
tags = ["fines", "money"]
banner = Banner(
    placement="main",
    priority=88,
    link="/services/fines/pay",
    title={
        "en": "Pay your latest fine with a discount until {fine_discount_until}",
        "ru": "Оплатите последний штраф со скидкой до {fine_discount_until}",
    },
    text={
        "en": "All your fines come to RUB {fines_owed}, before any discount.",
        "ru": "Всего штрафов на {fines_owed} руб., без учёта скидки.",
    },
)
email = Email(template="fine_discount_ending")
once_per = "fine_discount_until"


def matches(user, today):
    return user.fines_owed > 0 and today <= user.fine_discount_until <= today + days(7)


examples = [
    match(today="2026-11-23", fines_owed=500, fine_discount_until="2026-11-30"),
    match(today="2026-11-23", fines_owed=0.50, fine_discount_until="2026-11-23"),
    no_match(today="2026-11-23", fines_owed=500, fine_discount_until="2026-12-01"),
    no_match(today="2026-11-23", fines_owed=0, fine_discount_until="2026-11-25"),
    no_match(today="2026-11-23", fines_owed=500, fine_discount_until="2026-11-22"),
    unknown(today="2026-11-23", fines_owed=500),
]
