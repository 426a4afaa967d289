"""From the 15th to the 25th: who sends meter readings by the portal has not sent this month's."""

owner = "housing"
tags = ["meters", "monthly"]
banner = Banner(
    placement="mobile",
    priority=50,
    link="/services/meters/readings",
    title={
        "en": "Send your meter readings by the 25th",
        "ru": "Передайте показания счётчиков до 25-го числа",
    },
)


def matches(user, today):
    opens = start_of_month(today) + days(14)
    sent = user.orders["meter_readings"].last
    if not is_known(sent):
        return False
    sends_by_portal = opens - months(3) <= day_of(sent) < opens - days(1)
    return sends_by_portal and opens <= today <= opens + days(10)


examples = [
    match(today="2026-11-15", orders={"meter_readings": {"last": "2026-10-20T12:00:00Z"}}),
    match(today="2026-11-25", orders={"meter_readings": {"last": "2026-08-15T12:00:00Z"}}),
    no_match(today="2026-11-14", orders={"meter_readings": {"last": "2026-10-20T12:00:00Z"}}),
    no_match(today="2026-11-26", orders={"meter_readings": {"last": "2026-10-20T12:00:00Z"}}),
    no_match(today="2026-11-20", orders={"meter_readings": {"last": "2026-11-15T12:00:00Z"}}),
    no_match(today="2026-11-20", orders={"meter_readings": {"last": "2026-11-15T08:30:00+10:00"}}),
    no_match(today="2026-11-20"),
    no_match(today="2026-11-25", orders={"meter_readings": {"last": "2026-08-14T12:00:00Z"}}),
]
