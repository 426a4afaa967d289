"""The retirement age comes within half a year: time to check the record of employment."""

owner = "pension"
tags = ["pension"]
banner = Banner(
    placement="main",
    priority=62,
    story="retirement",
    link="/services/pension/check",
    title={
        "en": "Your pension is near: check your record of employment",
        "ru": "Скоро пенсия: проверьте сведения о стаже",
    },
)
once_per = "birth_date"


def matches(user, today):
    if is_known(user.pension_granted):
        return False
    retirement = user.birth_date + years(60 if user.sex == "female" else 65)
    return today <= retirement <= today + months(6)


examples = [
    match(today="2026-11-23", birth_date="1967-05-23", sex="female"),
    match(today="2026-11-23", birth_date="1961-11-23", sex="male"),
    no_match(today="2026-11-23", birth_date="1967-05-24", sex="female"),
    no_match(today="2026-11-23", birth_date="1967-05-23", sex="male"),
    no_match(
        today="2026-11-23", birth_date="1967-05-23", sex="female", pension_granted="2019-01-01"
    ),
    no_match(today="2026-11-23", birth_date="1966-11-22", sex="female"),
    unknown(today="2026-11-23", birth_date="1967-05-23"),
]
