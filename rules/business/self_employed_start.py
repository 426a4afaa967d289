"""A citizen became self-employed within the last month: receipts, tax, what is not needed."""

owner = "business"
tags = ["self-employed"]
banner = Banner(
    placement="main",
    priority=53,
    link="/business/self-employed/start",
    title={
        "en": "You are self-employed: how to issue receipts and pay the tax",
        "ru": "Вы самозанятый: как формировать чеки и платить налог",
    },
)
email = Email(template="self_employed_start")
once_per = "self_employed_since"


def matches(user, today):
    since = user.self_employed_since
    return since <= today <= since + months(1)


examples = [
    match(today="2026-11-23", self_employed_since="2026-11-23"),
    match(today="2027-02-28", self_employed_since="2027-01-31"),
    no_match(today="2027-03-01", self_employed_since="2027-01-31"),
    no_match(today="2026-11-23", self_employed_since="2026-12-01"),
    unknown(today="2026-11-23"),
]
