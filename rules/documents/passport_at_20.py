"""At 20 the passport is to be replaced within 90 days: the photo is of a child."""

owner = "documents"
tags = ["passport"]
banner = Banner(
    placement="main",
    priority=85,
    story="passport",
    link="/services/passport/replace",
    title={
        "en": "You are 20: your passport is to be replaced",
        "ru": "Вам исполнилось 20: замените паспорт",
    },
    text={
        "en": "The old one, issued on {passport_issued}, is valid for 90 days after your birthday.",
        "ru": "Прежний, выданный {passport_issued}, действует 90 дней после дня рождения.",
    },
)
email = Email(template="passport_renewal")
once_per = "birth_date"


def matches(user, today):
    turned_20 = user.birth_date + years(20)
    return turned_20 <= today <= turned_20 + days(90) and user.passport_issued < turned_20


examples = [
    match(today="2026-11-23", birth_date="2006-11-23", passport_issued="2020-12-01"),
    match(today="2026-11-23", birth_date="2006-08-25", passport_issued="2026-08-24"),
    no_match(today="2026-11-23", birth_date="2006-08-24", passport_issued="2020-12-01"),
    no_match(today="2026-11-23", birth_date="2006-11-01", passport_issued="2026-11-01"),
    no_match(today="2026-11-23", birth_date="2006-11-24", passport_issued="2020-12-01"),
    unknown(today="2026-11-23", birth_date="2006-11-01"),
]
