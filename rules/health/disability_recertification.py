"""A certified disability runs out within two months, and no new examination was asked for."""

owner = "health"
tags = ["disability"]
banner = Banner(
    placement="main",
    priority=83,
    link="/services/disability/extend",
    title={
        "en": "Your disability certificate ends on {disability_until}",
        "ru": "Справка об инвалидности действует до {disability_until}",
    },
    text={
        "en": "Ask for the next examination now, so that no payment is interrupted.",
        "ru": "Подайте заявление на переосвидетельствование, чтобы выплаты не прервались.",
    },
)
email = Email(template="disability_recertification")
once_per = "disability_until"


def matches(user, today):
    asked = user.orders["disability_certificate"].last
    if is_known(asked) and day_of(asked) >= user.disability_until - months(4):
        return False
    return today <= user.disability_until <= today + months(2)


examples = [
    match(today="2026-11-23", disability_until="2026-11-23"),
    match(
        today="2026-11-23",
        disability_until="2027-01-23",
        orders={"disability_certificate": {"last": "2024-12-10T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", disability_until="2027-01-24"),
    no_match(
        today="2026-11-23",
        disability_until="2026-12-31",
        orders={"disability_certificate": {"last": "2026-08-31T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", disability_until="2026-11-22"),
    unknown(today="2026-11-23"),
]
