"""The days to pay the bailiffs are over: up to half of a wage or a pension can be held back."""

owner = "bailiffs"
tags = ["debts", "money"]
banner = Banner(
    placement="main",
    priority=93,
    link="/services/enforcement/keep-income",
    title={
        "en": "Up to half of your income can be held back for a debt",
        "ru": "За долг могут удерживать до половины вашего дохода",
    },
    text={
        "en": "Pay RUB {enforcement_owed}, or ask to keep a living wage.",
        "ru": "Оплатите {enforcement_owed} руб. или попросите сохранить прожиточный минимум.",
    },
)
once_per = "enforcement_opened"


def matches(user, today):
    asked = user.orders["keep_living_wage"].last
    if is_known(asked) and day_of(asked) >= user.enforcement_opened - days(1):
        return False
    has_income = is_known(user.pension_granted) or is_known(user.employed) and user.employed
    is_late = user.enforcement_opened + days(5) < today
    return user.enforcement_owed > 0 and is_late and has_income


examples = [
    match(
        today="2026-11-23", enforcement_owed=4800, enforcement_opened="2026-11-17", employed=True
    ),
    match(
        today="2026-11-23",
        enforcement_owed=60000,
        enforcement_opened="2025-01-17",
        pension_granted="2020-01-01",
        orders={"keep_living_wage": {"last": "2024-01-01T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23", enforcement_owed=4800, enforcement_opened="2026-11-18", employed=True
    ),
    no_match(today="2026-11-23", enforcement_owed=4800, enforcement_opened="2026-11-01"),
    no_match(
        today="2026-11-23",
        enforcement_owed=4800,
        enforcement_opened="2026-11-01",
        employed=True,
        orders={"keep_living_wage": {"last": "2026-11-02T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        enforcement_owed=4800,
        enforcement_opened="2026-11-01",
        employed=True,
        orders={"keep_living_wage": {"last": "2026-11-01T09:00:00+10:00"}},
    ),
    no_match(
        today="2026-11-23", enforcement_owed=0, enforcement_opened="2026-11-01", employed=True
    ),
    no_match(
        today="2026-11-23", enforcement_owed=4800, enforcement_opened="2026-11-01", employed=False
    ),
    unknown(today="2026-11-23", enforcement_owed=4800, employed=True),
]
