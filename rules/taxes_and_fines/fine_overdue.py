"""A fine was not paid in time: it will be doubled.

Only the day of the latest fine is known: until that has passed, nothing is said of older ones.
"""

owner = "fines"
tags = ["fines", "money"]
banner = Banner(
    placement="main",
    priority=92,
    link="/services/fines/pay",
    title={
        "en": "Your fine was due by {fine_due}",
        "ru": "Штраф нужно было оплатить до {fine_due}",
    },
    text={
        "en": "Pay RUB {fines_owed} now, or the bailiffs will collect twice as much.",
        "ru": "Оплатите {fines_owed} руб. сейчас, или приставы взыщут вдвое больше.",
    },
)
once_per = "fine_due"


def matches(user, today):
    return user.fines_owed > 0 and user.fine_due < today


examples = [
    match(today="2026-11-23", fines_owed=1500, fine_due="2026-11-22"),
    match(today="2026-11-23", fines_owed=250.75, fine_due="2024-02-29"),
    no_match(today="2026-11-23", fines_owed=1500, fine_due="2026-11-23"),
    no_match(today="2026-11-23", fines_owed=0, fine_due="2026-01-01"),
    no_match(today="2026-11-23"),
    unknown(today="2026-11-23", fines_owed=1500),
]
