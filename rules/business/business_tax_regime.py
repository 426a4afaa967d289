"""A new entrepreneur has 30 days to choose a simpler tax regime; the general one applies otherwise."""

owner = "business"
tags = ["entrepreneurs", "taxes"]
banner = Banner(
    placement="main",
    priority=81,
    link="/business/tax-regime",
    title={
        "en": "You registered a business: choose its tax regime within 30 days",
        "ru": "Вы открыли ИП: выберите налоговый режим в течение 30 дней",
    },
)
once_per = "business_registered"


def matches(user, today):
    registered = user.business_registered
    chosen = user.orders["tax_regime"].last
    has_chosen = is_known(chosen) and day_of(chosen) >= registered - days(1)
    return registered <= today <= registered + days(30) and not has_chosen


examples = [
    match(today="2026-11-23", business_registered="2026-11-23"),
    match(
        today="2026-11-23",
        business_registered="2026-10-24",
        orders={"tax_regime": {"last": "2019-03-03T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", business_registered="2026-10-23"),
    no_match(
        today="2026-11-23",
        business_registered="2026-11-01",
        orders={"tax_regime": {"last": "2026-11-04T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", business_registered="2026-11-24"),
    no_match(
        today="2026-11-23",
        business_registered="2026-11-20",
        orders={"tax_regime": {"last": "2026-11-20T09:00:00+10:00"}},
    ),
    unknown(today="2026-11-23"),
]
