"""A kindergarten has a place for the child; it is lost unless it is accepted in time."""

owner = "education"
tags = ["children", "education"]
banner = Banner(
    placement="main",
    priority=86,
    link="/services/kindergarten/offer",
    title={
        "en": "A kindergarten place for your child: accept it by {kindergarten_offer_until}",
        "ru": "Ребёнку предложено место в детском саду: ответьте до {kindergarten_offer_until}",
    },
)
email = Email(template="kindergarten_offer")
once_per = "kindergarten_offer_until"


def matches(user, today):
    return today <= user.kindergarten_offer_until


examples = [
    match(today="2026-11-23", kindergarten_offer_until="2026-11-23"),
    match(today="2026-11-23", kindergarten_offer_until="2026-12-20"),
    no_match(today="2026-11-23", kindergarten_offer_until="2026-11-22"),
    no_match(today="2026-11-23", kindergarten_offer_until="2024-03-01"),
    unknown(today="2026-11-23"),
]
