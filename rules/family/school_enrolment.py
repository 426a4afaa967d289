"""The youngest child is old enough for school, and no place was asked for since it was six.

Who is enrolled in spring may be a few months short of the age at which school begins.
"""

owner = "education"
tags = ["children"]
banner = Banner(
    placement="main",
    priority=60,
    link="/services/school-place",
    title={
        "en": "Ask for a place at school for your child",
        "ru": "Подайте заявление на запись ребёнка в школу",
    },
    text={
        "en": "Children start at the age of six and a half to eight.",
        "ru": "В первый класс идут в возрасте от шести с половиной до восьми лет.",
    },
)
once_per = "youngest_child_born"


def matches(user, today):
    may_start = user.youngest_child_born + months(6 * 12 + 6)
    must_start = user.youngest_child_born + years(8)
    if not may_start <= today < must_start:
        return False
    asked = user.orders["school_place"].last
    return not (is_known(asked) and day_of(asked) >= user.youngest_child_born + years(6))


examples = [
    match(today="2026-04-01", youngest_child_born="2019-10-01"),
    match(
        today="2026-04-01",
        youngest_child_born="2018-04-02",
        orders={"school_place": {"count": 2, "last": "2024-04-01T06:00:00Z"}},
    ),
    no_match(today="2026-04-01", youngest_child_born="2018-04-01"),
    no_match(
        today="2026-04-01",
        youngest_child_born="2019-10-01",
        orders={"school_place": {"last": "2025-10-01T06:00:00Z"}},
    ),
    no_match(today="2026-04-01", youngest_child_born="2019-10-02"),
    unknown(today="2026-04-01"),
]
