"""The business has to file a report within two weeks."""

owner = "taxes"
tags = ["entrepreneurs", "reports"]
banner = Banner(
    placement="main",
    priority=74,
    link="/business/reports",
    title={
        "en": "File the report of your business by {business_report_due}",
        "ru": "Сдайте отчётность ИП до {business_report_due}",
    },
)
email = Email(template="business_report")
once_per = "business_report_due"


def matches(user, today):
    is_open = is_known(user.business_registered)
    return is_open and today <= user.business_report_due <= today + days(14)


examples = [
    match(today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-11-23"),
    match(today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-12-07"),
    no_match(
        today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-12-08"
    ),
    no_match(today="2026-11-23", business_report_due="2026-12-01"),
    no_match(
        today="2026-11-23", business_registered="2022-05-05", business_report_due="2026-11-22"
    ),
    unknown(today="2026-11-23", business_registered="2022-05-05"),
]
