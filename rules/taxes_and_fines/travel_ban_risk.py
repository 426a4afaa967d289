"""Overdue debts of 30,000 roubles or more can close the border, and the citizen travels.

Who has a valid travel passport or has ordered one in the last half year counts as travelling.
Fines, and taxes, count as overdue once the latest one is: no earlier day is known.
"""

owner = "taxes"
tags = ["debts", "travel"]
banner = Banner(
    placement="main",
    priority=96,
    link="/services/debts",
    title={
        "en": "Your debts may keep you from travelling abroad",
        "ru": "Из-за долгов вас могут не выпустить за границу",
    },
    text={
        "en": "Pay overdue taxes and fines before you buy tickets.",
        "ru": "Погасите просроченные налоги и штрафы до покупки билетов.",
    },
)


def matches(user, today):
    overdue_fines = user.fines_owed if user.fine_due < today else 0
    overdue_taxes = user.taxes_owed if user.tax_due < today else 0
    passport = user.orders["foreign_passport"]
    ordered = is_known(passport.last) and day_of(passport.last) >= today - months(6)
    may_travel = is_known(user.foreign_passport_expires) and today < user.foreign_passport_expires
    return overdue_fines + overdue_taxes >= 30000 and (ordered or may_travel)


examples = [
    match(
        today="2026-11-23",
        fines_owed=10000,
        fine_due="2026-10-01",
        taxes_owed=20000,
        tax_due="2025-12-01",
        foreign_passport_expires="2030-01-01",
    ),
    match(
        today="2026-11-23",
        taxes_owed=45000.50,
        tax_due="2025-12-01",
        orders={"foreign_passport": {"last": "2026-11-01T09:30:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        fines_owed=10000,
        fine_due="2026-10-01",
        taxes_owed=20000,
        tax_due="2026-12-01",
        foreign_passport_expires="2030-01-01",
    ),
    no_match(today="2026-11-23", fines_owed=50000, fine_due="2026-10-01"),
    no_match(
        today="2026-11-23",
        fines_owed=50000,
        fine_due="2026-10-01",
        taxes_owed=1,
        tax_due="2025-12-01",
        foreign_passport_expires="2026-11-23",
    ),
    no_match(
        today="2026-11-23",
        fines_owed=50000,
        fine_due="2026-10-01",
        taxes_owed=1,
        tax_due="2025-12-01",
        orders={"foreign_passport": {"last": "2026-05-22T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", taxes_owed=45000, foreign_passport_expires="2030-01-01"),
]
