"""The retirement age is reached, and no pension was granted or asked for."""

owner = "pension"
tags = ["pension", "age"]
banner = Banner(
    placement="main",
    priority=77,
    story="retirement",
    link="/services/pension",
    title={
        "en": "You may retire: apply for your pension",
        "ru": "Вам положена пенсия: подайте заявление",
    },
    text={
        "en": "It is granted from the day of the application, not for the past.",
        "ru": "Её назначают со дня обращения, а не за прошлое время.",
    },
)
email = Email(template="pension_order")
once_per = "birth_date"


def matches(user, today):
    asked = user.orders["pension"].last
    has_asked = is_known(asked) and day_of(asked) >= today - months(3)
    if is_known(user.pension_granted) or has_asked:
        return False
    retirement = user.birth_date + years(60 if user.sex == "female" else 65)
    return retirement <= today <= retirement + years(2)


examples = [
    match(today="2026-11-23", birth_date="1966-11-23", sex="female"),
    match(
        today="2026-11-23",
        birth_date="1959-11-23",
        sex="male",
        orders={"pension": {"last": "2026-08-22T12:00:00Z"}},
    ),
    no_match(today="2026-11-22", birth_date="1966-11-23", sex="female"),
    no_match(today="2026-11-23", birth_date="1961-01-01", sex="male", pension_granted="2026-02-01"),
    no_match(
        today="2026-11-23",
        birth_date="1961-01-01",
        sex="male",
        orders={"pension": {"last": "2026-08-23T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", birth_date="1964-11-22", sex="female"),
    unknown(today="2026-11-23", birth_date="1961-01-01"),
]
