"""Housing and utilities have not been paid for ten days after the due date."""

owner = "housing"
tags = ["money"]
banner = Banner(
    placement="main",
    priority=65,
    link="/services/utilities/pay",
    title={
        "en": "You owe RUB {utilities_owed} for housing and utilities",
        "ru": "Долг за жильё и коммунальные услуги: {utilities_owed} руб.",
    },
)


def matches(user, today):
    return user.utilities_owed > 0 and user.utilities_due + days(10) < today


examples = [
    match(today="2026-11-23", utilities_owed=5300.40, utilities_due="2026-11-12"),
    match(today="2026-11-23", utilities_owed=1, utilities_due="2026-01-10"),
    no_match(today="2026-11-23", utilities_owed=5300.40, utilities_due="2026-11-13"),
    no_match(today="2026-11-23", utilities_owed=-120, utilities_due="2026-11-01"),
    unknown(today="2026-11-23", utilities_owed=5300.40),
]
