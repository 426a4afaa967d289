"""At 45 the passport is replaced for the last time; the reminder stays until it is."""

owner = "documents"
tags = ["passport"]
banner = Banner(
    placement="main",
    priority=84,
    story="passport",
    link="/services/passport/replace",
    title={
        "en": "At 45 the passport is replaced for the last time: order yours",
        "ru": "В 45 лет паспорт меняют в последний раз: закажите замену",
    },
    text={
        "en": "The old one, issued on {passport_issued}, is valid for 90 days after that birthday.",
        "ru": "Прежний, выданный {passport_issued}, действует 90 дней после этого дня рождения.",
    },
)
email = Email(template="passport_renewal")
once_per = "birth_date"


def matches(user, today):
    turned_45 = user.birth_date + years(45)
    return turned_45 <= today and user.passport_issued < turned_45


examples = [
    match(today="2026-11-23", birth_date="1981-11-23", passport_issued="2001-12-10"),
    match(today="2026-11-23", birth_date="1961-02-02", passport_issued="2006-02-01"),
    no_match(today="2026-11-22", birth_date="1981-11-23", passport_issued="2001-12-10"),
    no_match(today="2026-11-23", birth_date="1981-11-01", passport_issued="2026-11-01"),
    unknown(today="2026-11-23", birth_date="1981-11-01"),
]
