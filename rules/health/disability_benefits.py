"""A certified disability gives the right to payments and aids; neither has been asked for."""

owner = "social"
tags = ["disability", "benefits"]
banner = Banner(
    placement="main",
    priority=61,
    link="/services/disability/benefits",
    title={
        "en": "Payments and aids you can have with your disability certificate",
        "ru": "Выплаты и средства реабилитации, которые вам положены",
    },
)


def matches(user, today):
    asked = user.orders["disability_benefit"].count + user.orders["rehabilitation_aids"].count
    return today <= user.disability_until and asked == 0


examples = [
    match(today="2026-11-23", disability_until="2026-11-23"),
    match(today="2026-11-23", disability_until="2028-05-31"),
    no_match(today="2026-11-23", disability_until="2026-11-22"),
    no_match(
        today="2026-11-23",
        disability_until="2028-05-31",
        orders={"rehabilitation_aids": {"last": "2026-06-10T12:00:00Z"}},
    ),
    unknown(today="2026-11-23"),
]
