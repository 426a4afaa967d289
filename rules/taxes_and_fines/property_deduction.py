"""A home was bought in the last three years, by somebody who pays tax on a wage: claim a part back."""

owner = "taxes"
tags = ["taxes", "property", "money"]
banner = Banner(
    placement="main",
    priority=54,
    link="/services/taxes/property-deduction",
    title={
        "en": "You bought a home: get a part of your income tax back",
        "ru": "Вы купили жильё: верните часть подоходного налога",
    },
)
once_per = "property_bought"


def matches(user, today):
    bought = user.property_bought
    is_open = bought + months(2) < today <= bought + years(3)
    return user.employed and is_open and user.orders["property_deduction"].count == 0


examples = [
    match(today="2026-11-23", employed=True, property_bought="2026-09-22"),
    match(today="2026-11-23", employed=True, property_bought="2023-11-23"),
    no_match(today="2026-11-23", employed=True, property_bought="2023-11-22"),
    no_match(today="2026-11-23", employed=False, property_bought="2025-05-05"),
    no_match(
        today="2026-11-23",
        employed=True,
        property_bought="2025-05-05",
        orders={"property_deduction": {"last": "2026-02-02T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", employed=True, property_bought="2026-09-23"),
    unknown(today="2026-11-23", property_bought="2025-05-05"),
]
