"""There were three traffic fines or more within a year, and nobody sees to their payment.

Fines leave the year and others come, so the offer returns; who has dismissed it twice has answered.
"""

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
    declined = user.banners["fines_repeated"].dismissed >= 2
    return user.recent_fines >= 3 and user.orders["fine_autopay"].count == 0 and not declined


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
    match(
        today="2026-11-23",
        recent_fines=["2026-01-10", "2026-06-01", "2026-11-20"],
        banners={"fines_repeated": {"seen": 5, "dismissed": 1}},
    ),
    no_match(
        today="2026-11-23",
        recent_fines=["2026-01-10", "2026-06-01", "2026-11-20"],
        banners={"fines_repeated": {"dismissed": 2, "last_dismissed": "2026-03-08T12:00:00Z"}},
    ),
    no_match(today="2026-11-23"),
]
