"""Universities take applications from 20 June to 25 July; who has left school has not applied."""

owner = "education"
tags = ["school", "season"]
banner = Banner(
    placement="main",
    priority=69,
    link="/services/university",
    title={
        "en": "Apply to five universities in one application, by 25 July",
        "ru": "Подайте документы в пять вузов одним заявлением до 25 июля",
    },
)


def matches(user, today):
    ends = anniversary(date(2000, 7, 25))
    opens = ends - days(35)
    if is_known(user.studies_until) and today <= user.studies_until:
        return False
    applied = user.orders["university"].last
    has_applied = is_known(applied) and day_of(applied) >= opens - days(1)
    of_age = user.birth_date + years(17) <= today < user.birth_date + years(20)
    return opens <= today and of_age and not has_applied


examples = [
    match(today="2027-06-20", birth_date="2010-06-20"),
    match(
        today="2027-07-25",
        birth_date="2007-07-26",
        orders={"university": {"last": "2026-07-20T12:00:00Z"}},
    ),
    no_match(today="2027-06-19", birth_date="2009-06-20"),
    no_match(today="2027-07-26", birth_date="2009-06-20"),
    no_match(today="2027-07-01", birth_date="2008-06-20", studies_until="2030-06-30"),
    no_match(today="2027-06-20", birth_date="2010-06-21"),
    no_match(today="2027-07-25", birth_date="2007-07-25"),
    match(today="2027-07-01", birth_date="2008-06-20", studies_until="2027-06-30"),
    no_match(
        today="2027-07-01",
        birth_date="2008-06-20",
        orders={"university": {"last": "2027-06-20T12:00:00Z"}},
    ),
    no_match(
        today="2027-07-01",
        birth_date="2008-06-20",
        orders={"university": {"last": "2027-06-20T09:00:00+10:00"}},
    ),
    unknown(today="2027-07-01"),
]
