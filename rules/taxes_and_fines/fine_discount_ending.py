"""A traffic fine can be settled at half its amount for a week more."""

owner = "fines"
tags = ["fines", "money"]
banner = Banner(
    placement="main",
    priority=88,
    link="/services/fines/pay",
    title={
        "en": "Pay your fine with a discount until {fine_discount_until}",
        "ru": "Оплатите штраф со скидкой до {fine_discount_until}",
    },
    text={
        "en": "You owe {fines_owed} roubles; after that day the discount is gone.",
        "ru": "К оплате {fines_owed} руб.; после этого дня скидки не будет.",
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
