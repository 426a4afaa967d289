"""A passport was ordered more than two weeks ago, and nothing has come of it."""

owner = "documents"
tags = ["passport", "delay"]
banner = Banner(
    placement="main",
    priority=66,
    link="/orders/passport",
    title={
        "en": "Your passport takes longer than it should",
        "ru": "Ваш паспорт готовят дольше, чем положено",
    },
    text={
        "en": "See where your application is, or ask the office that handles it.",
        "ru": "Посмотрите, где ваше заявление, или задайте вопрос в подразделение.",
    },
)


def matches(user, today):
    ordered = user.orders["passport"].last
    issued = user.completed["passport"].last
    if not is_known(ordered) or is_known(issued) and issued >= ordered:
        return False
    late_from = day_of(ordered) + days(15)
    return late_from <= today < late_from + months(3)


examples = [
    match(today="2026-11-23", orders={"passport": {"last": "2026-11-08T12:00:00Z"}}),
    match(
        today="2026-11-23",
        orders={"passport": {"count": 2, "last": "2026-08-10T12:00:00Z"}},
        completed={"passport": {"last": "2012-03-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", orders={"passport": {"last": "2026-11-09T12:00:00Z"}}),
    no_match(today="2026-11-23"),
    no_match(
        today="2026-11-23",
        orders={"passport": {"last": "2026-10-20T12:00:00Z"}},
        completed={"passport": {"last": "2026-11-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", orders={"passport": {"last": "2026-08-08T12:00:00Z"}}),
]
