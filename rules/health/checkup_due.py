"""From 40 on there is a free check-up every year: a reminder in the month after the birthday.

Goes with the check-up, or when the month is over. One of this year, or of the six months before
the birthday, is enough.
"""

owner = "health"
tags = ["checkup", "age"]
banner = Banner(
    placement="sidebar",
    priority=49,
    exclusive="prevention",
    link="/services/checkup",
    title={
        "en": "Your free check-up this year: book a morning",
        "ru": "В этом году вам положена диспансеризация: запишитесь на удобный день",
    },
    text={
        "en": "It takes two hours, and your employer gives you a paid day off.",
        "ru": "Она займёт два часа, а на работе дадут оплачиваемый выходной.",
    },
)
variants = {
    "day_off": Variant(share=0.5),
    "two_hours": Variant(
        share=0.5,
        title={
            "en": "Two hours for your health: your free check-up this year",
            "ru": "Два часа ради здоровья: ваша диспансеризация этого года",
        },
    ),
}
goal = Goal("service.completed", where={"service": "checkup"}, within=days(60))
email = Email(template="checkup_due")


def matches(user, today):
    birthday = anniversary(user.birth_date) - years(1)
    last = user.completed["checkup"].last
    # In UTC, the morning of 1 January may still be 31 December.
    eve = anniversary(date(2000, 12, 31)) - years(1)
    had_one = is_known(last) and (day_of(last) >= eve or day_of(last) > birthday - months(6))
    is_due = user.birth_date + years(40) < today <= birthday + months(1)
    return is_due and not had_one


examples = [
    match(today="2026-11-23", birth_date="1986-11-22"),
    match(today="2026-11-23", birth_date="1985-10-23"),
    no_match(today="2026-11-23", birth_date="1986-11-24"),
    no_match(
        today="2026-11-23",
        birth_date="1966-11-01",
        completed={"checkup": {"count": 4, "last": "2026-06-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", birth_date="2011-11-01"),
    no_match(today="2026-11-23", birth_date="1986-10-22"),
    match(
        today="2026-11-23",
        birth_date="1966-11-01",
        completed={"checkup": {"last": "2025-12-30T12:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        birth_date="1966-11-01",
        completed={"checkup": {"last": "2026-01-01T09:00:00+10:00"}},
    ),
    match(
        today="2027-01-23",
        birth_date="1967-01-01",
        completed={"checkup": {"last": "2026-07-01T12:00:00Z"}},
    ),
    no_match(
        today="2027-01-23",
        birth_date="1967-01-01",
        completed={"checkup": {"last": "2026-07-02T12:00:00Z"}},
    ),
    unknown(today="2026-11-23"),
]
