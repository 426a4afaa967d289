"""The subsidy for housing and utilities ends within a month; it is not renewed by itself."""

owner = "social"
tags = ["benefits", "money"]
banner = Banner(
    placement="main",
    priority=74,
    link="/services/housing-subsidy/renew",
    title={
        "en": "Renew your housing subsidy before {subsidy_until}",
        "ru": "Продлите субсидию на оплату ЖКУ до {subsidy_until}",
    },
)
email = Email(template="subsidy_ending")
once_per = "subsidy_until"


def matches(user, today):
    return today <= user.subsidy_until <= today + months(1)


examples = [
    match(today="2026-11-23", subsidy_until="2026-12-23"),
    match(today="2027-01-31", subsidy_until="2027-02-28"),
    no_match(today="2026-11-23", subsidy_until="2026-12-24"),
    no_match(today="2026-11-23", subsidy_until="2026-11-22"),
    unknown(today="2026-11-23"),
]
