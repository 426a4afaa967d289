"""It is the citizen's birthday."""

owner = "portal"
banner = Banner(
    placement="mobile",
    priority=30,
    link="/birthday",
    title={
        "en": "Happy birthday!",
        "ru": "С днём рождения!",
    },
    text={
        "en": "Thank you for being with us. Here is what changes at your age.",
        "ru": "Спасибо, что вы с нами. Посмотрите, что меняется с возрастом.",
    },
)
email = Email(template="birthday")


def matches(user, today):
    return anniversary(user.birth_date) == today


examples = [
    match(today="2026-11-23", birth_date="1980-11-23"),
    match(today="2027-02-28", birth_date="1988-02-29"),
    no_match(today="2028-02-28", birth_date="1988-02-29"),
    no_match(today="2026-11-23", birth_date="2026-11-23"),
    unknown(today="2026-11-23"),
]
