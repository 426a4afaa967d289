"""There is an appointment at a public office tomorrow, or on the Monday after this weekend."""

owner = "portal"
tags = ["appointments"]
banner = Banner(
    placement="mobile",
    priority=89,
    link="/appointments",
    title={
        "en": "Your appointment is on {appointment_on}",
        "ru": "Ваша запись на приём: {appointment_on}",
    },
)
once_per = "appointment_on"


def matches(user, today):
    tomorrow = today + days(1)
    if is_weekend(tomorrow):
        monday = today + days(2 if is_weekend(today) else 3)
        return today < user.appointment_on <= monday
    return user.appointment_on == tomorrow


examples = [
    match(today="2026-11-23", appointment_on="2026-11-24"),
    match(today="2026-11-20", appointment_on="2026-11-23"),
    match(today="2026-11-21", appointment_on="2026-11-23"),
    match(today="2026-11-22", appointment_on="2026-11-23"),
    no_match(today="2026-11-20", appointment_on="2026-11-24"),
    no_match(today="2026-11-21", appointment_on="2026-11-24"),
    no_match(today="2026-11-22", appointment_on="2026-11-24"),
    no_match(today="2026-11-23", appointment_on="2026-11-23"),
    no_match(today="2026-11-20", appointment_on="2026-11-20"),
    no_match(today="2026-11-23", appointment_on="2026-11-25"),
    unknown(today="2026-11-23"),
]
