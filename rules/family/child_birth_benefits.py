"""A child was born in the last six months, and no benefit was ordered since."""

owner = "family"
tags = ["children", "benefits"]
banner = Banner(
    placement="main",
    priority=78,
    link="/services/child-benefit",
    title={
        "en": "A child was born: benefits you can order now",
        "ru": "Родился ребёнок: пособия, которые можно оформить сейчас",
    },
    text={
        "en": "They are to be ordered within six months of {youngest_child_born}.",
        "ru": "Их можно оформить в течение шести месяцев с {youngest_child_born}",
    },
)
email = Email(template="child_birth_benefits")
once_per = "youngest_child_born"


def matches(user, today):
    born = user.youngest_child_born
    ordered = user.orders["child_benefit"].last
    has_ordered = is_known(ordered) and day_of(ordered) >= born - days(1)
    return born <= today <= born + months(6) and not has_ordered


examples = [
    match(today="2026-11-23", youngest_child_born="2026-11-20"),
    match(
        today="2027-02-28",
        youngest_child_born="2026-08-31",
        orders={"child_benefit": {"count": 2, "last": "2026-08-29T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        youngest_child_born="2026-11-01",
        orders={"child_benefit": {"last": "2026-11-01T09:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        youngest_child_born="2026-11-01",
        orders={"child_benefit": {"last": "2026-11-01T09:00:00+10:00"}},
    ),
    no_match(today="2027-03-01", youngest_child_born="2026-08-31"),
    no_match(today="2026-11-23", youngest_child_born="2026-11-24"),
    unknown(today="2026-11-23"),
]
