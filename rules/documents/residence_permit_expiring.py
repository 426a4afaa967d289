"""The residence permit runs out within two months; a new one is to be asked for in time."""

owner = "migration"
tags = ["migration"]
banner = Banner(
    placement="main",
    priority=90,
    link="/services/residence-permit/extend",
    title={
        "en": "Extend your residence permit before {residence_permit_expires}",
        "ru": "Продлите вид на жительство до {residence_permit_expires}",
    },
)
once_per = "residence_permit_expires"


def matches(user, today):
    asked_for = user.orders["residence_permit"]
    if is_known(asked_for.last) and day_of(asked_for.last) >= today - months(4):
        return False
    return today <= user.residence_permit_expires <= today + months(2)


examples = [
    match(today="2026-12-31", residence_permit_expires="2027-02-28"),
    match(
        today="2026-11-23",
        residence_permit_expires="2027-01-10",
        orders={"residence_permit": {"last": "2022-01-10T08:00:00Z"}},
    ),
    no_match(today="2026-12-31", residence_permit_expires="2027-03-01"),
    no_match(
        today="2026-11-23",
        residence_permit_expires="2027-01-10",
        orders={"residence_permit": {"last": "2026-11-20T08:00:00Z"}},
    ),
    no_match(today="2026-11-23", residence_permit_expires="2026-11-22"),
    unknown(today="2026-11-23"),
]
