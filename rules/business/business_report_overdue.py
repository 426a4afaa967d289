"""A report of the business is late: 20 days after the day it was due the accounts are blocked."""

owner = "taxes"
tags = ["entrepreneurs", "reports"]
banner = Banner(
    placement="main",
    priority=90,
    link="/business/reports",
    title={
        "en": "Your report was due on {business_report_due}: file it before accounts are blocked",
        "ru": "Отчёт нужно было сдать до {business_report_due} Сдайте его, пока счета не закрыли",
    },
)
once_per = "business_report_due"


def matches(user, today):
    blocked_from = user.business_report_due + days(20)
    return is_known(user.business_registered) and user.business_report_due < today <= blocked_from


examples = [
    match(today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-11-22"),
    match(today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-11-03"),
    no_match(
        today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-11-23"
    ),
    no_match(today="2026-11-23", business_report_due="2026-11-20"),
    no_match(
        today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-11-02"
    ),
    unknown(today="2026-11-23", business_registered="2022-05-05"),
]
