"""A registered vehicle, a valid licence, and no motor insurance: cameras will fine every trip."""

owner = "transport"
tags = ["vehicle", "insurance"]
banner = Banner(
    placement="main",
    priority=85,
    story="motor_insurance",
    link="/services/motor-insurance",
    title={
        "en": "Your vehicle is not insured: do not drive before you have a certificate",
        "ru": "У вас нет действующего полиса ОСАГО: не садитесь за руль, пока не оформите его",
    },
)


def matches(user, today):
    has_vehicle = is_known(user.vehicle_inspection_due)
    insured_until = user.insurance_certificate_expires
    is_insured = is_known(insured_until) and today <= insured_until
    return has_vehicle and not is_insured and today <= user.driving_licence_expires


examples = [
    match(
        today="2026-11-23",
        vehicle_inspection_due="2028-05-05",
        driving_licence_expires="2031-01-01",
    ),
    match(
        today="2026-11-23",
        vehicle_inspection_due="2028-05-05",
        insurance_certificate_expires="2026-11-22",
        driving_licence_expires="2026-11-23",
    ),
    no_match(
        today="2026-11-23",
        vehicle_inspection_due="2028-05-05",
        insurance_certificate_expires="2026-11-23",
        driving_licence_expires="2031-01-01",
    ),
    no_match(today="2026-11-23", driving_licence_expires="2031-01-01"),
    no_match(
        today="2026-11-23",
        vehicle_inspection_due="2028-05-05",
        driving_licence_expires="2026-11-22",
    ),
    unknown(today="2026-11-23", vehicle_inspection_due="2028-05-05"),
]
