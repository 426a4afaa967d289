"""A student travels at a reduced price with a pass that is ordered anew each school year."""

owner = "transport"
tags = ["students", "benefits"]
banner = Banner(
    placement="sidebar",
    priority=36,
    link="/services/student-pass",
    title={
        "en": "Order the student's pass for this school year",
        "ru": "Оформите льготный проездной на этот учебный год",
    },
)


def matches(user, today):
    # In UTC, the morning of 1 September may still be 31 August.
    eve = anniversary(date(2000, 8, 31)) - years(1)
    ordered = user.orders["student_pass"].last
    has_pass = is_known(ordered) and day_of(ordered) >= eve
    return today <= user.studies_until and not has_pass


examples = [
    match(today="2026-11-23", studies_until="2026-11-23"),
    match(
        today="2026-09-01",
        studies_until="2028-06-30",
        orders={"student_pass": {"last": "2026-08-30T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", studies_until="2026-06-30"),
    no_match(
        today="2026-11-23",
        studies_until="2028-06-30",
        orders={"student_pass": {"last": "2026-09-01T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        studies_until="2028-06-30",
        orders={"student_pass": {"last": "2026-09-01T09:00:00+10:00"}},
    ),
    unknown(today="2026-11-23"),
]
