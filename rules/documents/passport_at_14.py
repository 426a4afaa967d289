"""A citizen of 14 is to have a passport within 90 days, and has none yet."""

owner = "documents"
tags = ["passport"]
banner = Banner(
    placement="main",
    priority=85,
    link="/services/passport/first",
    title={
        "en": "You are 14: order your first passport",
        "ru": "Вам исполнилось 14: получите первый паспорт",
    },
    text={
        "en": "It is to be ordered within 90 days of the birthday. The first one is made in ten days.",
        "ru": "Подать заявление нужно в течение 90 дней. Первый паспорт готовят десять дней.",
    },
)
email = Email(template="passport_renewal")
once_per = "birth_date"


def matches(user, today):
    turned_14 = user.birth_date + years(14)
    return turned_14 <= today <= turned_14 + days(90) and not is_known(user.passport_issued)


examples = [
    match(today="2026-11-23", birth_date="2012-11-23"),
    match(today="2026-02-28", birth_date="2012-02-29"),
    no_match(today="2026-11-22", birth_date="2012-11-23"),
    no_match(today="2026-11-23", birth_date="2012-10-01", passport_issued="2026-10-20"),
    no_match(today="2026-11-23", birth_date="2012-08-24"),
    unknown(today="2026-11-23"),
]
