"""A child under three is not yet in the queue for a kindergarten."""

owner = "education"
tags = ["children"]
banner = Banner(
    placement="sidebar",
    priority=50,
    link="/services/kindergarten",
    title={
        "en": "Put your child in the queue for a kindergarten",
        "ru": "Запишите ребёнка в очередь в детский сад",
    },
)
once_per = "youngest_child_born"


def matches(user, today):
    born = user.youngest_child_born
    asked_for = user.orders["kindergarten"].last
    in_queue = is_known(asked_for) and day_of(asked_for) >= born - days(1)
    return born + months(2) <= today and age(born) < 3 and not in_queue


examples = [
    match(today="2026-11-23", youngest_child_born="2026-09-23"),
    match(
        today="2026-11-23",
        youngest_child_born="2025-05-05",
        orders={"kindergarten": {"last": "2022-06-01T10:00:00Z"}},
    ),
    no_match(today="2026-11-23", youngest_child_born="2026-09-24"),
    no_match(today="2026-11-23", youngest_child_born="2023-11-23"),
    no_match(
        today="2026-11-23",
        youngest_child_born="2025-05-05",
        orders={"kindergarten": {"last": "2025-06-01T10:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        youngest_child_born="2025-05-05",
        orders={"kindergarten": {"last": "2025-05-05T09:00:00+10:00"}},
    ),
    unknown(today="2026-11-23"),
]
