"""A parent ordered a passport for travel this half year, and the child has none of its own yet."""

owner = "documents"
tags = ["children", "passport", "travel"]
banner = Banner(
    placement="sidebar",
    priority=44,
    link="/services/foreign-passport/child",
    title={
        "en": "Travelling together? Your child needs a travel passport too",
        "ru": "Едете вместе? Ребёнку тоже нужен загранпаспорт",
    },
)


def matches(user, today):
    own = user.orders["foreign_passport"].last
    childs = user.orders["child_foreign_passport"].last
    plans_to_travel = is_known(own) and day_of(own) >= today - months(6)
    has_valid = is_known(childs) and day_of(childs) >= today - years(5)
    return plans_to_travel and not has_valid and today < user.youngest_child_born + years(14)


examples = [
    match(
        today="2026-11-23",
        youngest_child_born="2012-11-24",
        orders={"foreign_passport": {"last": "2026-05-23T12:00:00Z"}},
    ),
    match(
        today="2026-11-23",
        youngest_child_born="2018-03-03",
        orders={
            "foreign_passport": {"last": "2026-11-01T12:00:00Z"},
            "child_foreign_passport": {"last": "2021-11-22T12:00:00Z"},
        },
    ),
    no_match(
        today="2026-11-23",
        youngest_child_born="2018-03-03",
        orders={
            "foreign_passport": {"last": "2026-11-01T12:00:00Z"},
            "child_foreign_passport": {"last": "2021-11-23T12:00:00Z"},
        },
    ),
    no_match(today="2026-11-23", youngest_child_born="2018-03-03"),
    no_match(
        today="2026-11-23",
        youngest_child_born="2018-03-03",
        orders={"foreign_passport": {"last": "2026-05-22T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        youngest_child_born="2012-11-23",
        orders={"foreign_passport": {"last": "2026-11-01T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", orders={"foreign_passport": {"last": "2026-11-01T12:00:00Z"}}),
]
