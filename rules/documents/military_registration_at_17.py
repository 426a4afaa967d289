"""Men are entered in the military register in the year they turn 17."""

owner = "military"
tags = ["military", "age"]
banner = Banner(
    placement="main",
    priority=68,
    link="/services/military-registration",
    title={
        "en": "You are 17: register with the military office",
        "ru": "Вам 17: встаньте на воинский учёт",
    },
    text={
        "en": "Bring your passport, a photo and a reference from school. It takes one visit.",
        "ru": "Возьмите паспорт, фотографию и справку из школы. Достаточно одного визита.",
    },
)
email = Email(template="military_registration")
once_per = "birth_date"


def matches(user, today):
    turned_17 = user.birth_date + years(17)
    of_age = user.sex == "male" and turned_17 <= today < turned_17 + years(1)
    return of_age and user.completed["military_registration"].count == 0


examples = [
    match(today="2026-11-23", birth_date="2009-11-23", sex="male"),
    match(today="2026-11-22", birth_date="2008-11-23", sex="male"),
    no_match(today="2026-11-23", birth_date="2008-11-23", sex="male"),
    no_match(today="2026-11-23", birth_date="2009-06-01", sex="female"),
    no_match(
        today="2026-11-23",
        birth_date="2009-06-01",
        sex="male",
        completed={"military_registration": {"last": "2026-10-05T09:00:00Z"}},
    ),
    no_match(today="2026-11-23", birth_date="2009-11-24", sex="male"),
    unknown(today="2026-11-23", birth_date="2009-06-01"),
]
