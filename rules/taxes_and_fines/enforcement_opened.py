"""The bailiffs collect a debt; paid within five days, it costs nothing more."""

owner = "bailiffs"
tags = ["debts", "money"]
banner = Banner(
    placement="main",
    priority=97,
    must_show=True,
    link="/services/enforcement/pay",
    title={
        "en": "The bailiffs collect RUB {enforcement_owed}: pay within five days",
        "ru": "Приставы взыскивают {enforcement_owed} руб.: оплатите в течение пяти дней",
    },
    text={
        "en": "The days count from {enforcement_opened}; then a fee is added.",
        "ru": "Срок считают с {enforcement_opened}; потом добавят исполнительский сбор.",
    },
)
email = Email(template="enforcement_opened")
once_per = "enforcement_opened"


def matches(user, today):
    opened = user.enforcement_opened
    return user.enforcement_owed > 0 and opened <= today <= opened + days(5)


examples = [
    match(today="2026-11-23", enforcement_owed=4800, enforcement_opened="2026-11-23"),
    match(today="2026-11-23", enforcement_owed=0.50, enforcement_opened="2026-11-18"),
    no_match(today="2026-11-23", enforcement_owed=4800, enforcement_opened="2026-11-17"),
    no_match(today="2026-11-23", enforcement_owed=0, enforcement_opened="2026-11-20"),
    no_match(today="2026-11-23", enforcement_owed=4800, enforcement_opened="2026-11-24"),
    unknown(today="2026-11-23", enforcement_owed=4800),
]
