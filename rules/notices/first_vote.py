"""A citizen turned 18 in the last month and may vote now."""

owner = "elections"
banner = Banner(
    placement="sidebar",
    priority=32,
    link="/services/polling-station",
    title={
        "en": "You are 18: find your polling station",
        "ru": "Вам 18: найдите свой избирательный участок",
    },
)
once_per = "birth_date"


def matches(user, today):
    turned_18 = user.birth_date + years(18)
    return turned_18 <= today <= turned_18 + days(30)


examples = [
    match(today="2026-11-23", birth_date="2008-11-23"),
    match(today="2026-03-30", birth_date="2008-02-29"),
    no_match(today="2026-03-31", birth_date="2008-02-29"),
    no_match(today="2026-11-22", birth_date="2008-11-23"),
    unknown(today="2026-11-23"),
]
