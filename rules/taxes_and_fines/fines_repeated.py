"""There were three traffic fines or more within a year, and nobody sees to their payment."""

owner = "fines"
tags = ["fines", "money"]
banner = Banner(
    placement="sidebar",
    priority=41,
    link="/services/fines/automatic-payment",
    title={
        "en": "Let the portal pay your fines while the discount lasts",
        "ru": "Подключите автоплатёж: штрафы будут оплачены со скидкой",
    },
    text={
        "en": "You have been fined often lately. You will be told of each fine before it is paid.",
        "ru": "За последний год у вас было много штрафов. О каждом сообщим до списания.",
    },
)


def matches(user, today):
    return user.recent_fines >= 3 and user.orders["fine_autopay"].count == 0


examples = [
    match(today="2026-11-23", recent_fines=["2026-01-10", "2026-06-01", "2026-11-20"]),
    match(today="2026-11-23", recent_fines=["2025-11-24", "2026-11-23", "2026-11-23"]),
    no_match(today="2026-11-24", recent_fines=["2025-11-24", "2026-11-23", "2026-11-23"]),
    no_match(today="2026-11-23", recent_fines=["2026-11-22", "2026-11-23"]),
    no_match(
        today="2026-11-23",
        recent_fines=["2026-01-10", "2026-06-01", "2026-11-20"],
        orders={"fine_autopay": {"last": "2026-06-02T18:00:00Z"}},
    ),
    no_match(today="2026-11-23"),
]
