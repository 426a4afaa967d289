"""The citizen moved within the last month: what to change after a move."""

owner = "housing"
tags = ["move"]
banner = Banner(
    placement="main",
    priority=55,
    link="/life/moving",
    title={
        "en": "You have moved: five things to change now",
        "ru": "Вы переехали: пять дел, которые нужно сделать",
    },
    text={
        "en": "Clinic, school, post, taxes and benefits for the new address.",
        "ru": "Поликлиника, школа, почта, налоги и льготы по новому адресу.",
    },
)
email = Email(template="newly_moved")
once_per = "residence_since"


def matches(user, today):
    return between(days_since(user.residence_since), 0, 30)


examples = [
    match(today="2026-11-23", residence_since="2026-11-23"),
    match(today="2026-11-23", residence_since="2026-10-24"),
    no_match(today="2026-11-23", residence_since="2026-10-23"),
    no_match(today="2026-11-23", residence_since="2026-11-24"),
    unknown(today="2026-11-23"),
]
