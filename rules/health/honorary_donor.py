"""Who gave blood 40 times may be called an honorary donor, with a yearly payment."""

owner = "health"
tags = ["benefits"]
banner = Banner(
    placement="main",
    priority=57,
    link="/services/honorary-donor",
    title={
        "en": "40 donations: ask for the title of honorary donor",
        "ru": "40 донаций: оформите звание почётного донора",
    },
    text={
        "en": "With it come a yearly payment and extra days of leave. Thank you!",
        "ru": "К нему полагаются ежегодная выплата и дни отпуска. Спасибо вам!",
    },
)


def matches(user, today):
    donations = user.completed["blood_donation"].count
    return donations >= 40 and user.orders["honorary_donor"].count == 0


examples = [
    match(today="2026-11-23", completed={"blood_donation": {"count": 40}}),
    match(today="2026-11-23", completed={"blood_donation": {"count": 120}}),
    no_match(today="2026-11-23", completed={"blood_donation": {"count": 39}}),
    no_match(
        today="2026-11-23",
        completed={"blood_donation": {"count": 41}},
        orders={"honorary_donor": {"last": "2026-11-02T12:00:00Z"}},
    ),
]
