"""A meter at home is to be verified within two months; afterwards the norm is billed."""

owner = "housing"
tags = ["meters"]
banner = Banner(
    placement="sidebar",
    priority=39,
    link="/services/meters/verification",
    title={
        "en": "Have your meter verified by {meter_verification_due}",
        "ru": "Сделайте поверку счётчика до {meter_verification_due}",
    },
)
email = Email(template="meter_verification")
once_per = "meter_verification_due"


def matches(user, today):
    return today <= user.meter_verification_due <= today + months(2)


examples = [
    match(today="2026-11-23", meter_verification_due="2026-11-23"),
    match(today="2026-12-31", meter_verification_due="2027-02-28"),
    no_match(today="2026-12-31", meter_verification_due="2027-03-01"),
    no_match(today="2026-11-23", meter_verification_due="2026-11-22"),
    unknown(today="2026-11-23"),
]
