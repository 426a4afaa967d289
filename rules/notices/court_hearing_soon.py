"""The citizen is summoned to a court within ten days."""

owner = "courts"
tags = ["court"]
banner = Banner(
    placement="main",
    priority=94,
    must_show=True,
    link="/courts/my-cases",
    title={
        "en": "A court expects you on {court_hearing_on}",
        "ru": "Вас вызывают в суд: {court_hearing_on}",
    },
    text={
        "en": "See the case and the papers, or ask the court to hear it without you.",
        "ru": "Посмотрите материалы дела или попросите рассмотреть его без вас.",
    },
)
email = Email(template="court_hearing")
once_per = "court_hearing_on"


def matches(user, today):
    return today <= user.court_hearing_on <= today + days(10)


examples = [
    match(today="2026-11-23", court_hearing_on="2026-11-23"),
    match(today="2026-11-23", court_hearing_on="2026-12-03"),
    no_match(today="2026-11-23", court_hearing_on="2026-12-04"),
    no_match(today="2026-11-23", court_hearing_on="2026-11-22"),
    unknown(today="2026-11-23"),
]
