"""From the 12th to the 28th the self-employed pay the tax on the receipts of the month before.

Only who paid in one of the last three months is reminded: others have no income at present.
"""

owner = "taxes"
tags = ["self-employed", "taxes", "money", "monthly"]
banner = Banner(
    placement="main",
    priority=70,
    link="/business/self-employed/tax",
    title={
        "en": "Pay the tax on last month's receipts by the 28th",
        "ru": "Оплатите налог за прошлый месяц до 28-го числа",
    },
)


def matches(user, today):
    month = start_of_month(today)
    opens = month + days(11)
    paid = user.orders["self_employed_tax"].last
    paid_before = is_known(paid) and opens - months(3) <= day_of(paid) < opens - days(1)
    in_time = opens <= today <= month + days(27)
    return user.self_employed_since < month and paid_before and in_time


examples = [
    match(
        today="2026-11-28",
        self_employed_since="2026-10-31",
        orders={"self_employed_tax": {"last": "2026-11-10T12:00:00Z"}},
    ),
    match(
        today="2026-11-12",
        self_employed_since="2023-02-02",
        orders={"self_employed_tax": {"count": 30, "last": "2026-10-26T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        self_employed_since="2023-02-02",
        orders={"self_employed_tax": {"count": 31, "last": "2026-11-12T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        self_employed_since="2023-02-02",
        orders={"self_employed_tax": {"count": 31, "last": "2026-11-12T09:00:00+10:00"}},
    ),
    no_match(today="2026-11-23", self_employed_since="2026-11-01"),
    no_match(today="2026-11-23", self_employed_since="2023-02-02"),
    no_match(
        today="2026-11-23",
        self_employed_since="2026-11-01",
        orders={"self_employed_tax": {"last": "2026-10-26T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        self_employed_since="2023-02-02",
        orders={"self_employed_tax": {"last": "2026-08-11T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-11",
        self_employed_since="2023-02-02",
        orders={"self_employed_tax": {"last": "2026-10-26T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-29",
        self_employed_since="2023-02-02",
        orders={"self_employed_tax": {"last": "2026-10-26T12:00:00Z"}},
    ),
    unknown(today="2026-11-23", orders={"self_employed_tax": {"last": "2026-10-26T12:00:00Z"}}),
]
