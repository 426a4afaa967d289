"""At a year a child sees six doctors and gets the vaccination against measles."""

owner = "health"
tags = ["children", "checkup", "vaccination"]
banner = Banner(
    placement="sidebar",
    priority=53,
    link="/services/checkup/child",
    title={
        "en": "Your child is one: the check-up and the measles vaccination",
        "ru": "Ребёнку год: пройдите осмотр и сделайте прививку от кори",
    },
)
once_per = "youngest_child_born"


def matches(user, today):
    born = user.youngest_child_born
    last = user.completed["child_checkup"].last
    seen = is_known(last) and day_of(last) >= born + months(11)
    return born + months(12) <= today < born + months(15) and not seen


examples = [
    match(today="2026-11-23", youngest_child_born="2025-11-23"),
    match(
        today="2026-11-23",
        youngest_child_born="2025-08-24",
        completed={"child_checkup": {"count": 3, "last": "2026-03-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", youngest_child_born="2025-11-24"),
    no_match(today="2026-11-23", youngest_child_born="2025-08-23"),
    no_match(
        today="2026-11-23",
        youngest_child_born="2025-10-01",
        completed={"child_checkup": {"last": "2026-09-20T12:00:00Z"}},
    ),
    unknown(today="2026-11-23"),
]
