"""A child got a travel passport: without the parents it also needs their consent to leave."""

owner = "migration"
tags = ["children", "travel"]
banner = Banner(
    placement="sidebar",
    priority=43,
    link="/services/travel-consent",
    title={
        "en": "Will your child travel without you? Prepare the consent",
        "ru": "Ребёнок поедет без вас? Оформите согласие на выезд",
    },
    text={
        "en": "Grandparents and coaches need it at the border.",
        "ru": "На границе его спросят у бабушек, дедушек и тренеров.",
    },
)


def matches(user, today):
    passport = user.completed["child_foreign_passport"].last
    consent = user.orders["travel_consent"].last
    if not is_known(passport) or today > day_of(passport) + months(3):
        return False
    return not (is_known(consent) and consent >= passport)


examples = [
    match(
        today="2026-11-23", completed={"child_foreign_passport": {"last": "2026-08-23T12:00:00Z"}}
    ),
    match(
        today="2026-11-23",
        completed={"child_foreign_passport": {"count": 2, "last": "2026-11-01T12:00:00Z"}},
        orders={"travel_consent": {"last": "2022-06-01T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23", completed={"child_foreign_passport": {"last": "2026-08-22T12:00:00Z"}}
    ),
    no_match(
        today="2026-11-23",
        completed={"child_foreign_passport": {"last": "2026-11-01T12:00:00Z"}},
        orders={"travel_consent": {"last": "2026-11-02T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", orders={"travel_consent": {"last": "2022-06-01T12:00:00Z"}}),
]
