"""Entrepreneurs pay fixed insurance contributions by 31 December, and these have not this year."""

owner = "business"
tags = ["entrepreneurs", "season", "money"]
banner = Banner(
    placement="main",
    priority=65,
    link="/business/contributions",
    title={
        "en": "Pay this year's insurance contributions by 31 December",
        "ru": "Уплатите страховые взносы за год до 31 декабря",
    },
)
email = Email(template="business_contributions")


def matches(user, today):
    ends = anniversary(date(2000, 12, 31))
    paid = user.orders["business_contributions"].last
    has_paid = is_known(paid) and day_of(paid) > ends - years(1)
    return user.business_registered < today and ends - months(2) <= today and not has_paid


examples = [
    match(today="2026-10-31", business_registered="2026-10-30"),
    match(
        today="2026-12-31",
        business_registered="2022-05-05",
        orders={"business_contributions": {"count": 4, "last": "2025-12-31T12:00:00Z"}},
    ),
    no_match(today="2026-10-30", business_registered="2022-05-05"),
    no_match(
        today="2026-12-31",
        business_registered="2022-05-05",
        orders={"business_contributions": {"last": "2026-01-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", business_registered="2026-11-23"),
    unknown(today="2026-11-23"),
]
