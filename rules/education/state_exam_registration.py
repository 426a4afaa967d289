"""Between November and 1 February, who leaves school next summer signs up for the state exams."""

owner = "education"
tags = ["school", "season"]
banner = Banner(
    placement="main",
    priority=67,
    link="/services/state-exam",
    title={
        "en": "Choose your subjects for the state exam by 1 February",
        "ru": "Выберите предметы ЕГЭ до 1 февраля",
    },
    text={
        "en": "After that day a subject can be changed only for a serious reason.",
        "ru": "После этой даты изменить выбор можно только по уважительной причине.",
    },
)
email = Email(template="state_exam")


def matches(user, today):
    opens = anniversary(date(2000, 2, 1)) - months(3)
    of_age = user.birth_date + months(16 * 12 + 6) <= today < user.birth_date + months(18 * 12 + 6)
    signed_up = user.orders["state_exam"].last
    has_signed_up = is_known(signed_up) and day_of(signed_up) >= opens - days(1)
    return opens <= today and of_age and not has_signed_up


examples = [
    match(today="2026-11-01", birth_date="2010-05-01"),
    match(
        today="2027-02-01",
        birth_date="2008-08-02",
        orders={"state_exam": {"last": "2026-10-30T12:00:00Z"}},
    ),
    no_match(today="2026-10-31", birth_date="2009-05-05"),
    no_match(today="2027-02-02", birth_date="2009-05-05"),
    no_match(today="2026-11-01", birth_date="2010-05-02"),
    no_match(today="2027-02-01", birth_date="2008-08-01"),
    no_match(
        today="2026-11-23",
        birth_date="2009-05-05",
        orders={"state_exam": {"last": "2026-11-20T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="2009-05-05",
        orders={"state_exam": {"last": "2026-11-01T09:00:00+10:00"}},
    ),
    unknown(today="2026-11-23"),
]
