"""The monthly benefit for a child is granted for a year, and the year ends within a month."""

owner = "family"
tags = ["children", "benefits"]
banner = Banner(
    placement="main",
    priority=64,
    link="/services/child-benefit/renew",
    title={
        "en": "Ask for the child benefit for another year",
        "ru": "Продлите пособие на ребёнка ещё на год",
    },
)


def matches(user, today):
    granted = user.orders["child_benefit"].last
    if not is_known(granted) or today >= user.youngest_child_born + years(17):
        return False
    ends = day_of(granted) + years(1)
    return today <= ends <= today + months(1)


examples = [
    match(
        today="2026-11-23",
        youngest_child_born="2025-11-01",
        orders={"child_benefit": {"last": "2025-12-10T12:00:00Z"}},
    ),
    match(
        today="2026-11-23",
        youngest_child_born="2010-01-01",
        orders={"child_benefit": {"count": 9, "last": "2025-11-23T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", youngest_child_born="2025-11-01"),
    no_match(
        today="2026-11-23",
        youngest_child_born="2025-11-01",
        orders={"child_benefit": {"last": "2025-12-24T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        youngest_child_born="2009-11-23",
        orders={"child_benefit": {"count": 9, "last": "2025-12-10T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        youngest_child_born="2025-11-01",
        orders={"child_benefit": {"last": "2025-11-22T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", orders={"child_benefit": {"last": "2025-12-10T12:00:00Z"}}),
]
