"""The name has changed, and the passport still has the former one."""

owner = "documents"
tags = ["passport"]
banner = Banner(
    placement="main",
    priority=82,
    story="passport",
    link="/services/passport/replace",
    title={
        "en": "Replace your passport after the change of name",
        "ru": "Замените паспорт после смены имени",
    },
    text={
        "en": "It has been due since {name_changed}; other documents follow the passport.",
        "ru": "Замена нужна с {name_changed}; остальные документы меняют после паспорта.",
    },
)
once_per = "name_changed"


def matches(user, today):
    if today > user.name_changed + days(90):
        return False
    return user.passport_issued < user.name_changed <= today


examples = [
    match(today="2026-11-23", name_changed="2026-11-20", passport_issued="2019-05-05"),
    match(today="2026-11-23", name_changed="2026-08-25", passport_issued="2019-05-05"),
    no_match(today="2026-11-23", name_changed="2026-08-24", passport_issued="2019-05-05"),
    no_match(today="2026-11-23", name_changed="2026-11-20", passport_issued="2026-11-23"),
    no_match(today="2026-11-23", name_changed="2020-02-02"),
    no_match(today="2026-11-23", name_changed="2026-11-24", passport_issued="2019-05-05"),
    unknown(today="2026-11-23", name_changed="2026-11-20"),
]
