"""Two years before the retirement age, who has lost a job may retire early."""

owner = "employment"
tags = ["pension", "age"]
banner = Banner(
    placement="main",
    priority=73,
    story="retirement",
    link="/services/pension/early",
    title={
        "en": "No job close to retirement? You may apply for an early pension",
        "ru": "Остались без работы перед пенсией? Пенсию можно оформить досрочно",
    },
)
once_per = "employment_ended"


def matches(user, today):
    if not is_known(user.employment_ended) or is_known(user.pension_granted):
        return False
    retirement = user.birth_date + years(60 if user.sex == "female" else 65)
    registered = user.orders["job_seeker"].last
    is_seeking = is_known(registered) and day_of(registered) >= user.employment_ended - days(1)
    return retirement - years(2) <= today < retirement and is_seeking


examples = [
    match(
        today="2026-11-23",
        birth_date="1968-11-23",
        sex="female",
        employment_ended="2026-08-01",
        orders={"job_seeker": {"last": "2026-08-01T09:00:00+10:00"}},
    ),
    match(
        today="2026-11-23",
        birth_date="1961-11-24",
        sex="male",
        employment_ended="2026-08-01",
        orders={"job_seeker": {"last": "2026-08-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="1968-11-24",
        sex="female",
        employment_ended="2026-08-01",
        orders={"job_seeker": {"last": "2026-08-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="1966-11-23",
        sex="female",
        employment_ended="2026-08-01",
        orders={"job_seeker": {"last": "2026-08-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="1968-02-02",
        sex="female",
        employment_ended="2026-08-01",
        orders={"job_seeker": {"last": "2019-08-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="1968-02-02",
        sex="female",
        orders={"job_seeker": {"last": "2026-08-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="1968-02-02",
        sex="female",
        employment_ended="2026-08-01",
        pension_granted="2026-09-01",
        orders={"job_seeker": {"last": "2026-08-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23", birth_date="1968-02-02", sex="female", employment_ended="2026-08-01"
    ),
    unknown(
        today="2026-11-23",
        birth_date="1968-02-02",
        employment_ended="2026-08-01",
        orders={"job_seeker": {"last": "2026-08-10T12:00:00Z"}},
    ),
]
