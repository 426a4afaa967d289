"""A driver moved to a region where residents park with a permit, and has not ordered one there."""

owner = "housing"
tags = ["move", "vehicle"]
banner = Banner(
    placement="sidebar",
    priority=35,
    link="/services/parking-permit",
    title={
        "en": "Park by your new home with a resident's permit",
        "ru": "Оформите резидентное разрешение на парковку у нового дома",
    },
)
once_per = "residence_since"


def matches(user, today):
    has_permits = user.residence_region in ["77", "78", "16", "66"]
    drives = is_known(user.driving_licence_expires) and today <= user.driving_licence_expires
    moved = user.residence_since
    permit = user.orders["parking_permit"].last
    ordered = is_known(permit) and day_of(permit) >= moved - days(1)
    return has_permits and drives and days_since(moved) <= 90 and not ordered


examples = [
    match(
        today="2026-11-23",
        residence_region="77",
        residence_since="2026-10-01",
        driving_licence_expires="2031-05-05",
    ),
    match(
        today="2026-11-23",
        residence_region="16",
        residence_since="2026-10-01",
        driving_licence_expires="2031-05-05",
        orders={"parking_permit": {"last": "2024-10-01T07:00:00Z"}},
    ),
    no_match(today="2026-11-23", residence_region="77", residence_since="2026-10-01"),
    no_match(
        today="2026-11-23",
        residence_region="50",
        residence_since="2026-10-01",
        driving_licence_expires="2031-05-05",
    ),
    no_match(
        today="2026-11-23",
        residence_region="77",
        residence_since="2026-10-01",
        driving_licence_expires="2026-11-22",
    ),
    no_match(
        today="2026-11-23",
        residence_region="77",
        residence_since="2026-08-24",
        driving_licence_expires="2031-05-05",
    ),
    no_match(
        today="2026-11-23",
        residence_region="77",
        residence_since="2026-10-01",
        driving_licence_expires="2031-05-05",
        orders={"parking_permit": {"last": "2026-10-02T07:00:00Z"}},
    ),
    no_match(
        today="2026-11-23",
        residence_region="77",
        residence_since="2026-10-01",
        driving_licence_expires="2031-05-05",
        orders={"parking_permit": {"last": "2026-10-01T09:00:00+10:00"}},
    ),
    unknown(today="2026-11-23", residence_region="77", driving_licence_expires="2031-05-05"),
]
