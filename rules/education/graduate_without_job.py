"""Studies ended this half year, and there is neither a job nor an application for one."""

owner = "employment"
tags = ["students", "work"]
banner = Banner(
    placement="sidebar",
    priority=48,
    link="/services/job-seeker/graduates",
    title={
        "en": "You have graduated: find an internship or a first job",
        "ru": "Учёба позади: найдите стажировку или первую работу",
    },
)
once_per = "studies_until"


def matches(user, today):
    if is_known(user.employed) and user.employed or is_known(user.self_employed_since):
        return False
    registered = user.orders["job_seeker"].last
    is_seeking = is_known(registered) and day_of(registered) >= user.studies_until - days(1)
    return user.studies_until < today <= user.studies_until + months(6) and not is_seeking


examples = [
    match(today="2026-11-23", studies_until="2026-06-30"),
    match(today="2026-11-23", studies_until="2026-11-22", employed=False),
    no_match(today="2026-11-23", studies_until="2026-11-23"),
    no_match(today="2026-11-23", studies_until="2026-06-30", employed=True),
    no_match(today="2026-11-23", studies_until="2026-06-30", self_employed_since="2026-09-01"),
    no_match(
        today="2026-11-23",
        studies_until="2026-06-30",
        orders={"job_seeker": {"last": "2026-07-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        studies_until="2026-06-30",
        orders={"job_seeker": {"last": "2026-06-30T09:00:00+10:00"}},
    ),
    no_match(today="2026-11-23", studies_until="2026-05-22"),
    match(
        today="2026-11-23",
        studies_until="2026-06-30",
        orders={"job_seeker": {"last": "2024-07-10T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", employed=False),
]
