"""The vehicle should have been inspected in the last half year; without that it cannot be sold."""

owner = "transport"
tags = ["vehicle"]
banner = Banner(
    placement="sidebar",
    priority=42,
    link="/services/vehicle-inspection",
    title={
        "en": "The inspection of your vehicle was due on {vehicle_inspection_due}",
        "ru": "Срок техосмотра вашего автомобиля истёк {vehicle_inspection_due}",
    },
)
once_per = "vehicle_inspection_due"


def matches(user, today):
    due = user.vehicle_inspection_due
    booked = user.orders["vehicle_inspection"].last
    is_booked = is_known(booked) and day_of(booked) > due - days(45)
    return due < today <= due + months(6) and not is_booked


examples = [
    match(today="2026-11-23", vehicle_inspection_due="2026-11-22"),
    match(
        today="2026-11-23",
        vehicle_inspection_due="2026-05-23",
        orders={"vehicle_inspection": {"last": "2024-05-01T12:00:00Z"}},
    ),
    no_match(today="2026-11-23", vehicle_inspection_due="2026-11-23"),
    no_match(today="2026-11-23", vehicle_inspection_due="2026-05-22"),
    no_match(
        today="2026-11-23",
        vehicle_inspection_due="2026-11-01",
        orders={"vehicle_inspection": {"last": "2026-10-20T12:00:00Z"}},
    ),
    unknown(today="2026-11-23"),
]
