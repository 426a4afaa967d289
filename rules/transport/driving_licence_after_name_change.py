"""The passport has the new name already; the driving licence follows within half a year."""

owner = "transport"
tags = ["licence", "passport"]
banner = Banner(
    placement="main",
    priority=71,
    story="driving_licence",
    link="/services/driving-licence/new-name",
    title={
        "en": "Your passport has your new name: replace the driving licence too",
        "ru": "Паспорт уже с новой фамилией: замените и водительское удостоверение",
    },
)
email = Email(template="driving_licence_new_name")
once_per = "name_changed"


def matches(user, today):
    changed = user.name_changed
    passport_is_new = changed <= user.passport_issued
    licence_is_old = user.driving_licence_issued < changed and today <= user.driving_licence_expires
    return passport_is_new and licence_is_old and today <= user.passport_issued + months(6)


examples = [
    match(
        today="2026-11-23",
        name_changed="2026-10-01",
        passport_issued="2026-11-23",
        driving_licence_issued="2020-02-02",
        driving_licence_expires="2030-02-02",
    ),
    match(
        today="2026-11-23",
        name_changed="2026-05-01",
        passport_issued="2026-05-23",
        driving_licence_issued="2016-11-23",
        driving_licence_expires="2026-11-23",
    ),
    no_match(today="2026-11-23", name_changed="2026-10-01", passport_issued="2019-09-09"),
    no_match(
        today="2026-11-23",
        name_changed="2026-10-01",
        passport_issued="2026-11-01",
        driving_licence_issued="2026-11-15",
        driving_licence_expires="2036-11-15",
    ),
    no_match(
        today="2026-11-23",
        name_changed="2026-10-01",
        passport_issued="2026-09-30",
        driving_licence_issued="2020-02-02",
        driving_licence_expires="2030-02-02",
    ),
    no_match(
        today="2026-11-23",
        name_changed="2026-10-01",
        passport_issued="2026-11-01",
        driving_licence_issued="2020-02-02",
        driving_licence_expires="2026-11-22",
    ),
    no_match(
        today="2026-11-23",
        name_changed="2026-05-01",
        passport_issued="2026-05-22",
        driving_licence_issued="2020-02-02",
        driving_licence_expires="2030-02-02",
    ),
    unknown(today="2026-11-23", name_changed="2026-10-01", passport_issued="2026-11-01"),
]
