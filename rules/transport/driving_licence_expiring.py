"""The driving licence runs out within a month."""

owner = "transport"
tags = ["licence"]
banner = Banner(
    placement="main",
    priority=80,
    story="driving_licence",
    link="/services/driving-licence/renew",
    title={
        "en": "Renew your driving licence by {driving_licence_expires}",
        "ru": "Замените водительское удостоверение до {driving_licence_expires}",
    },
    text={
        "en": "The service takes ten minutes, and the new licence is ready in a week.",
        "ru": "Заявление займёт десять минут, удостоверение будет готово через неделю.",
    },
)
email = Email(template="driving_licence_expiring", values=["driving_licence_expires"])
once_per = "driving_licence_expires"


def matches(user, today):
    return today <= user.driving_licence_expires <= today + months(1)


examples = [
    match(today="2026-11-23", driving_licence_expires="2026-12-20"),
    match(today="2026-11-23", driving_licence_expires="2026-11-23"),
    no_match(today="2026-11-23", driving_licence_expires="2026-12-24"),
    no_match(today="2026-11-23", driving_licence_expires="2026-11-22"),
    unknown(today="2026-11-23"),
]
