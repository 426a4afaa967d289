"""The vehicle is to be inspected within a month, and no inspection was ordered in 45 days."""

owner = "transport"
tags = ["vehicle"]
banner = Banner(
    placement="sidebar",
    priority=40,
    link="/services/vehicle-inspection",
    title={
        "en": "Book a vehicle inspection by {vehicle_inspection_due}",
        "ru": "Запишитесь на техосмотр до {vehicle_inspection_due}",
    },
)


def matches(user, today):
    booking = user.orders["vehicle_inspection"]
    booked = is_known(booking.last) and days_since(day_of(booking.last)) <= 45
    return today <= user.vehicle_inspection_due <= today + days(30) and not booked


examples = [
    match(today="2026-11-23", vehicle_inspection_due="2026-12-20"),
    match(
        today="2026-11-23",
        vehicle_inspection_due="2026-12-20",
        orders={"vehicle_inspection": {"count": 1, "last": "2025-11-20T09:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        vehicle_inspection_due="2026-12-20",
        orders={"vehicle_inspection": {"count": 2, "last": "2026-11-20T09:00:00Z"}},
    ),
    no_match(today="2026-11-23", vehicle_inspection_due="2026-12-24"),
    no_match(today="2026-11-23", vehicle_inspection_due="2026-11-22"),
    unknown(today="2026-11-23"),
]
