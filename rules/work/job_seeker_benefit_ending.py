"""The benefit of somebody who looks for a job is paid for six months, which end within a month."""

owner = "employment"
tags = ["benefits"]
banner = Banner(
    placement="main",
    priority=71,
    link="/services/job-seeker/training",
    title={
        "en": "The job seeker's benefit ends soon: a free course may help",
        "ru": "Выплата пособия скоро закончится: пройдите бесплатное обучение",
    },
    text={
        "en": "Three months of training, chosen by what employers near you look for.",
        "ru": "Три месяца учёбы по профессиям, которые нужны работодателям рядом с вами.",
    },
)


def matches(user, today):
    registered = user.orders["job_seeker"].last
    if not is_known(registered) or user.employed:
        return False
    ends = day_of(registered) + months(6)
    return today <= ends <= today + months(1)


examples = [
    match(
        today="2026-11-23", employed=False, orders={"job_seeker": {"last": "2026-05-23T12:00:00Z"}}
    ),
    match(
        today="2026-11-23", employed=False, orders={"job_seeker": {"last": "2026-06-23T12:00:00Z"}}
    ),
    no_match(
        today="2026-11-23", employed=False, orders={"job_seeker": {"last": "2026-06-24T12:00:00Z"}}
    ),
    no_match(
        today="2026-11-23", employed=True, orders={"job_seeker": {"last": "2026-06-01T12:00:00Z"}}
    ),
    no_match(today="2026-11-23", employed=False),
    no_match(
        today="2026-11-23", employed=False, orders={"job_seeker": {"last": "2026-05-22T12:00:00Z"}}
    ),
    unknown(today="2026-11-23", orders={"job_seeker": {"last": "2026-06-01T12:00:00Z"}}),
]
