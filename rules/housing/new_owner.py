"""A home was bought within two months: contracts and accounts go over to the new owner."""

owner = "housing"
tags = ["property", "move"]
banner = Banner(
    placement="main",
    priority=56,
    link="/life/new-home",
    title={
        "en": "You are an owner: move the utility accounts to your name",
        "ru": "Вы стали собственником: переоформите лицевые счета",
    },
    text={
        "en": "Otherwise the former owner's debts may land in your letter box.",
        "ru": "Иначе к вам будут приходить квитанции с долгами прежнего владельца.",
    },
)
once_per = "property_bought"


def matches(user, today):
    bought = user.property_bought
    account = user.orders["utilities_account"].last
    has_account = is_known(account) and day_of(account) >= bought - days(1)
    return bought <= today <= bought + months(2) and not has_account


examples = [
    match(today="2026-11-23", property_bought="2026-11-23"),
    match(
        today="2026-11-23",
        property_bought="2026-09-23",
        orders={"utilities_account": {"last": "2015-04-04T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", property_bought="2026-09-22"),
    no_match(
        today="2026-11-23",
        property_bought="2026-11-01",
        orders={"utilities_account": {"last": "2026-11-02T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        property_bought="2026-11-01",
        orders={"utilities_account": {"last": "2026-11-01T09:00:00+10:00"}},
    ),
    no_match(today="2026-11-23", property_bought="2026-11-24"),
    unknown(today="2026-11-23"),
]
