"""Men enter the military register in the year they turn 17; later minors are reminded too."""

owner = "military"
tags = ["military", "age"]
banner = Banner(
    placement="main",
    priority=68,
    link="/services/military-registration",
    title={
        "en": "Register with the military office",
        "ru": "Встаньте на воинский учёт",
    },
    text={
        "en": "Due in the year you turn 17: bring your passport, a photo and a reference from school.",
        "ru": "Это делают в год, когда исполняется 17. Возьмите паспорт, фото и справку из школы.",
    },
)
email = Email(template="military_registration")
once_per = "birth_date"


def matches(user, today):
    year_ends = anniversary(date(2000, 12, 31))
    of_age = user.birth_date + years(17) <= year_ends and today < user.birth_date + years(18)
    return user.sex == "male" and of_age and user.completed["military_registration"].count == 0


examples = [
    match(today="2026-11-23", birth_date="2009-11-23", sex="male"),
    match(today="2026-11-22", birth_date="2008-11-23", sex="male"),
    match(today="2026-01-01", birth_date="2009-12-31", sex="male"),
    no_match(today="2026-12-31", birth_date="2010-01-01", sex="male"),
    no_match(today="2026-11-23", birth_date="2008-11-23", sex="male"),
    no_match(today="2026-11-23", birth_date="2009-06-01", sex="female"),
    no_match(
        today="2026-11-23",
        birth_date="2009-06-01",
        sex="male",
        completed={"military_registration": {"last": "2026-10-05T09:00:00Z"}},
    ),
    unknown(today="2026-11-23", birth_date="2009-06-01"),
]
