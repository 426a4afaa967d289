"""A pension is granted: transport is cheaper or free with a pensioner's pass."""

owner = "transport"
tags = ["pension", "benefits"]
banner = Banner(
    placement="sidebar",
    priority=46,
    link="/services/pensioner-pass",
    title={
        "en": "Order the pensioner's pass for public transport",
        "ru": "Оформите льготный проездной пенсионера",
    },
)
once_per = "pension_granted"


def matches(user, today):
    granted = user.pension_granted
    return granted <= today < granted + years(1) and user.orders["pensioner_pass"].count == 0


examples = [
    match(today="2026-11-23", pension_granted="2026-11-23"),
    match(today="2026-11-23", pension_granted="2025-11-24"),
    no_match(today="2026-11-23", pension_granted="2025-11-23"),
    no_match(
        today="2026-11-23",
        pension_granted="2026-06-01",
        orders={"pensioner_pass": {"last": "2026-06-02T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", pension_granted="2026-11-24"),
    unknown(today="2026-11-23"),
]
