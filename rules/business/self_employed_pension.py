"""A year of self-employment without a job earns no pension unless contributions are paid freely."""

owner = "pension"
tags = ["self-employed", "pension"]
banner = Banner(
    placement="sidebar",
    priority=33,
    link="/business/self-employed/pension",
    title={
        "en": "Self-employed? Earn pension years by voluntary contributions",
        "ru": "Самозанятым стаж не идёт сам: платите добровольные взносы на пенсию",
    },
)
once_per = "self_employed_since"


def matches(user, today):
    retirement = user.birth_date + years(60 if user.sex == "female" else 65)
    has_job = is_known(user.employed) and user.employed
    long_enough = user.self_employed_since + years(1) <= today < retirement
    return long_enough and not has_job and user.orders["pension_contributions"].count == 0


examples = [
    match(
        today="2026-11-23", birth_date="1990-01-01", sex="male", self_employed_since="2025-11-23"
    ),
    match(
        today="2026-11-23",
        birth_date="1966-11-24",
        sex="female",
        self_employed_since="2023-01-01",
        employed=False,
    ),
    no_match(
        today="2026-11-23", birth_date="1990-01-01", sex="male", self_employed_since="2025-11-24"
    ),
    no_match(today="2026-11-23", self_employed_since="2023-01-01", employed=True),
    no_match(
        today="2026-11-23", birth_date="1966-11-23", sex="female", self_employed_since="2023-01-01"
    ),
    no_match(
        today="2026-11-23",
        birth_date="1990-01-01",
        sex="male",
        self_employed_since="2023-01-01",
        orders={"pension_contributions": {"last": "2025-11-20T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", birth_date="1990-01-01", sex="male"),
]
