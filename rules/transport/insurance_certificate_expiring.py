"""The motor insurance certificate of somebody who may drive runs out within two weeks."""

owner = "transport"
tags = ["insurance"]
banner = Banner(
    placement="main",
    priority=76,
    story="motor_insurance",
    link="/services/motor-insurance/renew",
    title={
        "en": "Your motor insurance ends on {insurance_certificate_expires}",
        "ru": "Полис ОСАГО действует до {insurance_certificate_expires}",
    },
)
once_per = "insurance_certificate_expires"


def matches(user, today):
    ends_soon = between(days_until(user.insurance_certificate_expires), 0, 14)
    return ends_soon and today <= user.driving_licence_expires


examples = [
    match(
        today="2026-11-23",
        insurance_certificate_expires="2026-12-07",
        driving_licence_expires="2030-01-01",
    ),
    match(
        today="2026-11-23",
        insurance_certificate_expires="2026-11-23",
        driving_licence_expires="2026-11-23",
    ),
    no_match(today="2026-11-23", insurance_certificate_expires="2026-12-08"),
    no_match(
        today="2026-11-23",
        insurance_certificate_expires="2026-12-01",
        driving_licence_expires="2026-10-01",
    ),
    no_match(
        today="2026-11-23",
        insurance_certificate_expires="2026-11-22",
        driving_licence_expires="2030-01-01",
    ),
    unknown(today="2026-11-23", insurance_certificate_expires="2026-12-01"),
]
