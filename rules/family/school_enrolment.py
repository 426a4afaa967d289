"""The youngest child is old enough for school, and no place was asked for."""

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
    return user.orders["school_place"].count < user.children


examples = [
    match(today="2026-04-01", children=1, youngest_child_born="2019-10-01"),
    match(
        today="2026-04-01",
        children=2,
        youngest_child_born="2018-04-02",
        orders={"school_place": {"count": 1, "last": "2022-04-01T06:00:00Z"}},
    ),
    no_match(today="2026-04-01", children=1, youngest_child_born="2018-04-01"),
    no_match(
        today="2026-04-01",
        children=1,
        youngest_child_born="2019-09-01",
        orders={"school_place": {"last": "2026-03-30T06:00:00Z"}},
    ),
    no_match(today="2026-04-01", children=1, youngest_child_born="2019-10-02"),
    unknown(today="2026-04-01", children=1),
]
