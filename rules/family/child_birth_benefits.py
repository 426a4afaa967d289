"""A child was born in the last six months, and for one of the children no benefit was ordered."""

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
        "ru": "Их можно оформить в течение шести месяцев с {youngest_child_born}.",
    },
)
email = Email(template="child_birth_benefits")
once_per = "youngest_child_born"


def matches(user, today):
    recent = user.youngest_child_born <= today <= user.youngest_child_born + months(6)
    return recent and user.orders["child_benefit"].count < user.children


examples = [
    match(today="2026-11-23", children=1, youngest_child_born="2026-11-20"),
    match(
        today="2027-02-28",
        children=2,
        youngest_child_born="2026-08-31",
        orders={"child_benefit": {"count": 1}},
    ),
    no_match(
        today="2026-11-23",
        children=2,
        youngest_child_born="2026-11-01",
        orders={"child_benefit": {"count": 2}},
    ),
    no_match(today="2027-03-01", children=1, youngest_child_born="2026-08-31"),
    no_match(today="2026-11-23", children=1, youngest_child_born="2026-11-24"),
    unknown(today="2026-11-23", children=1),
]
