"""A family with a child of school age has moved, and no school near the new home was chosen."""

owner = "education"
tags = ["school", "children", "move"]
banner = Banner(
    placement="main",
    priority=58,
    link="/services/school-place/transfer",
    title={
        "en": "After your move: find a school near the new home",
        "ru": "После переезда: выберите школу рядом с новым домом",
    },
)
once_per = "residence_since"


def matches(user, today):
    moved = user.residence_since
    born = user.youngest_child_born
    goes_to_school = born + years(7) <= today < born + years(17)
    enrolled = user.orders["school_place"].last
    transferred = user.orders["school_transfer"].last
    has_enrolled = is_known(enrolled) and day_of(enrolled) >= moved - months(1)
    has_transferred = is_known(transferred) and day_of(transferred) >= moved - months(1)
    has_chosen = has_enrolled or has_transferred
    return goes_to_school and moved <= today <= moved + months(4) and not has_chosen


examples = [
    match(today="2026-11-23", residence_since="2026-11-23", youngest_child_born="2019-11-23"),
    match(
        today="2026-11-23",
        residence_since="2026-07-23",
        youngest_child_born="2015-02-02",
        orders={
            "school_place": {"last": "2022-04-01T12:00:00Z"},
            "school_transfer": {"last": "2026-06-22T12:00:00Z"},
        },
    ),
    no_match(today="2026-11-23", residence_since="2026-07-22", youngest_child_born="2015-02-02"),
    no_match(today="2026-11-23", residence_since="2026-10-01", youngest_child_born="2019-11-24"),
    no_match(
        today="2026-11-23",
        residence_since="2026-10-01",
        youngest_child_born="2015-02-02",
        orders={"school_transfer": {"last": "2026-09-15T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        residence_since="2026-10-01",
        youngest_child_born="2019-10-01",
        orders={"school_place": {"last": "2026-09-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", residence_since="2026-10-01", youngest_child_born="2009-11-23"),
    no_match(today="2026-11-23", residence_since="2026-11-24", youngest_child_born="2015-02-02"),
    unknown(today="2026-11-23", youngest_child_born="2015-02-02"),
]
