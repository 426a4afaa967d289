"""A new travel passport and a driving licence: abroad an international permit may be asked for."""

owner = "transport"
tags = ["licence", "travel"]
banner = Banner(
    placement="sidebar",
    priority=31,
    link="/services/international-driving-permit",
    title={
        "en": "Driving abroad? Order the international permit",
        "ru": "Поедете за рулём за границу? Закажите международные права",
    },
)


def matches(user, today):
    passport = user.completed["foreign_passport"].last
    if not is_known(passport) or user.orders["international_permit"].count > 0:
        return False
    return today <= day_of(passport) + months(3) and today <= user.driving_licence_expires


examples = [
    match(
        today="2026-11-23",
        driving_licence_expires="2026-11-23",
        completed={"foreign_passport": {"last": "2026-08-23T12:00:00Z"}},
    ),
    match(
        today="2026-11-23",
        driving_licence_expires="2034-04-04",
        completed={"foreign_passport": {"count": 2, "last": "2026-11-20T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        driving_licence_expires="2034-04-04",
        completed={"foreign_passport": {"last": "2026-08-22T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        driving_licence_expires="2034-04-04",
        completed={"foreign_passport": {"last": "2026-11-20T12:00:00Z"}},
        orders={"international_permit": {"last": "2026-11-21T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", driving_licence_expires="2034-04-04"),
    no_match(
        today="2026-11-23",
        driving_licence_expires="2026-11-22",
        completed={"foreign_passport": {"last": "2026-11-20T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", completed={"foreign_passport": {"last": "2026-11-20T12:00:00Z"}}),
]
