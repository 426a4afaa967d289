"""The passport for travel runs out within half a year, which many countries do not accept."""

owner = "documents"
tags = ["passport", "travel"]
banner = Banner(
    placement="sidebar",
    priority=45,
    link="/services/foreign-passport",
    title={
        "en": "Your travel passport ends on {foreign_passport_expires}",
        "ru": "Загранпаспорт действует до {foreign_passport_expires}",
    },
    text={
        "en": "Many countries ask for six months of validity on the day of entry.",
        "ru": "Многие страны требуют, чтобы он действовал ещё полгода после въезда.",
    },
)
email = Email(template="foreign_passport_expiring")
once_per = "foreign_passport_expires"


def matches(user, today):
    renewal = user.orders["foreign_passport"]
    being_renewed = is_known(renewal.last) and day_of(renewal.last) + months(3) >= today
    return today <= user.foreign_passport_expires <= today + months(6) and not being_renewed


examples = [
    match(today="2026-08-31", foreign_passport_expires="2027-02-28"),
    match(
        today="2026-11-23",
        foreign_passport_expires="2027-01-15",
        orders={"foreign_passport": {"last": "2017-01-10T12:00:00Z"}},
    ),
    no_match(today="2026-08-31", foreign_passport_expires="2027-03-01"),
    no_match(
        today="2026-11-23",
        foreign_passport_expires="2027-01-15",
        orders={"foreign_passport": {"count": 2, "last": "2026-11-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", foreign_passport_expires="2026-11-22"),
    unknown(today="2026-11-23"),
]
