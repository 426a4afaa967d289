"""The driving licence has run out, and for no longer than a year."""

owner = "transport"
tags = ["licence"]
banner = Banner(
    placement="main",
    priority=95,
    story="driving_licence",
    link="/services/driving-licence/renew",
    title={
        "en": "Your driving licence ran out on {driving_licence_expires}",
        "ru": "Срок водительского удостоверения истёк {driving_licence_expires}",
    },
    text={
        "en": "Driving without a valid licence is fined. Order a new one today.",
        "ru": "За езду без действующих прав полагается штраф. Закажите новые сегодня.",
    },
)
email = Email(template="driving_licence_expired", values=["driving_licence_expires"])
once_per = "driving_licence_expires"


def matches(user, today):
    return user.driving_licence_expires < today <= user.driving_licence_expires + years(1)


examples = [
    match(today="2026-11-23", driving_licence_expires="2026-11-22"),
    match(today="2026-11-23", driving_licence_expires="2025-11-23"),
    no_match(today="2026-11-23", driving_licence_expires="2026-11-23"),
    no_match(today="2026-11-23", driving_licence_expires="2025-11-22"),
    unknown(today="2026-11-23"),
]
