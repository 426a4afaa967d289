"""With the third child a family has rights of its own, and has not asked for the certificate."""

owner = "family"
tags = ["children", "benefits"]
banner = Banner(
    placement="main",
    priority=63,
    link="/services/large-family",
    title={
        "en": "Get the certificate of a large family",
        "ru": "Получите удостоверение многодетной семьи",
    },
    text={
        "en": "Lower utility bills, free transport and a tax deduction begin with it.",
        "ru": "С ним дешевле коммунальные услуги, бесплатный проезд и налоговый вычет.",
    },
)
email = Email(template="large_family")
once_per = "youngest_child_born"


def matches(user, today):
    has_minor = today < user.youngest_child_born + years(18)
    return user.children >= 3 and has_minor and user.orders["large_family"].count == 0


examples = [
    match(today="2026-11-23", children=3, youngest_child_born="2026-11-01"),
    match(today="2026-11-23", children=5, youngest_child_born="2008-11-24"),
    no_match(today="2026-11-23", children=2, youngest_child_born="2026-11-01"),
    no_match(today="2026-11-23", children=3, youngest_child_born="2008-11-23"),
    no_match(
        today="2026-11-23",
        children=3,
        youngest_child_born="2026-11-01",
        orders={"large_family": {"last": "2026-11-20T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", children=3),
]
