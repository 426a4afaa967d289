"""The driving licence was replaced, and the motor insurance certificate still names the old one.

Goes when the certificate is issued anew. Who has no certificate has nothing to update.
"""

owner = "transport"
tags = ["licence", "insurance"]
banner = Banner(
    placement="main",
    priority=75,
    story="motor_insurance",
    link="/services/motor-insurance/update",
    title={
        "en": "Update your motor insurance certificate",
        "ru": "Обновите полис ОСАГО",
    },
    text={
        "en": "It still names the licence you had before {driving_licence_issued}.",
        "ru": "В нём указано удостоверение, которое было у вас до {driving_licence_issued}",
    },
)
email = Email(template="insurance_certificate_update", values=["driving_licence_issued"])
once_per = "driving_licence_issued"


def matches(user, today):
    if not is_known(user.insurance_certificate_issued):
        return False
    names_the_old_licence = user.insurance_certificate_issued < user.driving_licence_issued
    return names_the_old_licence and today <= user.insurance_certificate_expires


examples = [
    match(
        today="2026-11-23",
        driving_licence_issued="2026-11-20",
        insurance_certificate_issued="2026-03-01",
        insurance_certificate_expires="2027-02-28",
    ),
    match(
        today="2027-02-28",
        driving_licence_issued="2026-11-20",
        insurance_certificate_issued="2026-03-01",
        insurance_certificate_expires="2027-02-28",
    ),
    no_match(
        today="2026-11-24",
        driving_licence_issued="2026-11-20",
        insurance_certificate_issued="2026-11-24",
        insurance_certificate_expires="2027-02-28",
    ),
    no_match(
        today="2027-03-01",
        driving_licence_issued="2026-11-20",
        insurance_certificate_issued="2026-03-01",
        insurance_certificate_expires="2027-02-28",
    ),
    no_match(today="2026-11-23", driving_licence_issued="2026-11-20"),
    unknown(
        today="2026-11-23",
        insurance_certificate_issued="2026-03-01",
        insurance_certificate_expires="2027-02-28",
    ),
]
