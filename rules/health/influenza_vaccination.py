"""In autumn: who was vaccinated against influenza in a season before, and not yet in this one."""

owner = "health"
tags = ["vaccination", "season"]
banner = Banner(
    placement="sidebar",
    priority=41,
    exclusive="prevention",
    link="/services/vaccination/influenza",
    title={
        "en": "It is time for this season's flu vaccination",
        "ru": "Пора сделать прививку от гриппа этого сезона",
    },
)


def matches(user, today):
    ends = anniversary(date(2000, 12, 1))
    begins = ends - months(3)
    last = user.completed["influenza_vaccination"].last
    if not is_known(last) or today < begins:
        return False
    return begins - years(2) <= day_of(last) < begins - days(1)


examples = [
    match(
        today="2026-09-01", completed={"influenza_vaccination": {"last": "2025-10-10T12:00:00Z"}}
    ),
    match(
        today="2026-11-23", completed={"influenza_vaccination": {"last": "2024-09-01T12:00:00Z"}}
    ),
    no_match(
        today="2026-11-23",
        completed={"influenza_vaccination": {"count": 3, "last": "2026-09-01T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        completed={"influenza_vaccination": {"last": "2026-09-01T09:00:00+10:00"}},
    ),
    no_match(
        today="2026-12-02", completed={"influenza_vaccination": {"last": "2025-10-10T12:00:00Z"}}
    ),
    no_match(today="2026-11-23"),
    no_match(
        today="2026-11-23", completed={"influenza_vaccination": {"last": "2024-08-31T12:00:00Z"}}
    ),
]
