"""A citizen came to the portal within the last week and has not completed a service yet."""

owner = "portal"
banner = Banner(
    placement="main",
    priority=20,
    link="/welcome",
    title={
        "en": "Welcome! Begin with your documents in one place",
        "ru": "Добро пожаловать! Начните с документов в одном месте",
    },
)


def matches(user, today):
    return days_since(day_of(user.registered_at)) < 7 and user.completed["profile"].count == 0


examples = [
    match(today="2026-11-23", registered_at="2026-11-23T08:00:00+03:00"),
    match(today="2026-11-23", registered_at="2026-11-17T00:00:00Z"),
    no_match(today="2026-11-23", registered_at="2026-11-16T23:59:59Z"),
    no_match(
        today="2026-11-23",
        registered_at="2026-11-23T08:00:00Z",
        completed={"profile": {"last": "2026-11-23T08:30:00Z"}},
    ),
    unknown(today="2026-11-23"),
]
