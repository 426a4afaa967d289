"""A month after a move there is still no clinic at the new address."""

owner = "health"
tags = ["move"]
banner = Banner(
    placement="sidebar",
    priority=47,
    link="/services/clinic",
    title={
        "en": "Choose a clinic near your new home",
        "ru": "Прикрепитесь к поликлинике рядом с новым домом",
    },
)
once_per = "residence_since"


def matches(user, today):
    moved = user.residence_since
    chosen = user.orders["clinic"].last
    has_clinic = is_known(chosen) and day_of(chosen) >= moved - days(1)
    return moved + days(30) < today <= moved + months(6) and not has_clinic


examples = [
    match(today="2026-11-23", residence_since="2026-10-23"),
    match(
        today="2026-11-23",
        residence_since="2026-05-23",
        orders={"clinic": {"last": "2019-02-02T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", residence_since="2026-10-24"),
    no_match(today="2026-11-23", residence_since="2026-05-22"),
    no_match(
        today="2026-11-23",
        residence_since="2026-10-01",
        orders={"clinic": {"last": "2026-10-02T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        residence_since="2026-10-01",
        orders={"clinic": {"last": "2026-10-01T09:00:00+10:00"}},
    ),
    unknown(today="2026-11-23"),
]
