"""A citizen of working age lost the job in the last quarter, and has neither benefit nor pension."""

owner = "employment"
tags = ["benefits"]
banner = Banner(
    placement="main",
    priority=76,
    link="/services/job-seeker",
    title={
        "en": "Between jobs? Register and order the benefit",
        "ru": "Остались без работы? Встаньте на учёт и оформите пособие",
    },
    text={
        "en": "Your last job ended on {employment_ended}. The benefit is paid from registration.",
        "ru": "Последняя работа закончилась {employment_ended} Пособие платят со дня учёта.",
    },
)
once_per = "employment_ended"


def matches(user, today):
    of_age = user.birth_date + years(16) <= today < user.birth_date + years(65)
    if user.employed or is_known(user.pension_granted) or not of_age:
        return False
    registered = user.orders["job_seeker"].last
    if is_known(registered) and day_of(registered) >= user.employment_ended - days(1):
        return False
    return user.employment_ended < today <= user.employment_ended + months(3)


examples = [
    match(
        today="2026-11-23", birth_date="1990-04-04", employed=False, employment_ended="2026-10-30"
    ),
    match(
        today="2026-11-30",
        birth_date="1962-11-30",
        employed=False,
        employment_ended="2026-08-31",
        orders={"job_seeker": {"last": "2019-09-01T09:00:00Z"}},
    ),
    no_match(today="2026-11-23", employed=True),
    no_match(
        today="2026-11-23",
        birth_date="1990-04-04",
        employed=False,
        employment_ended="2026-10-30",
        orders={"job_seeker": {"last": "2026-11-02T09:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="1990-04-04",
        employed=False,
        employment_ended="2026-10-30",
        orders={"job_seeker": {"last": "2026-10-30T09:00:00+10:00"}},
    ),
    no_match(
        today="2026-12-01", birth_date="1990-04-04", employed=False, employment_ended="2026-08-31"
    ),
    no_match(
        today="2026-11-23", birth_date="2010-11-24", employed=False, employment_ended="2026-10-30"
    ),
    no_match(
        today="2026-11-23", birth_date="1961-11-23", employed=False, employment_ended="2026-10-30"
    ),
    no_match(
        today="2026-11-23", birth_date="1990-04-04", employed=False, employment_ended="2026-11-23"
    ),
    no_match(
        today="2026-11-23",
        birth_date="1964-04-04",
        employed=False,
        employment_ended="2026-10-30",
        pension_granted="2024-05-01",
    ),
    unknown(today="2026-11-23", birth_date="1990-04-04", employed=False),
]
