"""What the citizen orders on the portal, and appointments at offices."""

import itertools
from collections.abc import Iterator, Mapping

from quadrupel.lives.citizen import Citizen, Fact, completed, order, text

SERVICES: Mapping[str, tuple[int, int]] = {
    "doctor_appointment": (30, 0),
    "property_extract": (12, 290),
    "tax_certificate": (12, 0),
    "pension_statement": (11, 0),
    "passport": (10, 300),
    "foreign_passport": (8, 3500),
    "driving_licence": (6, 2000),
    "vehicle_inspection": (6, 1000),
    "vehicle_registration": (5, 850),
}
"""The portal's services: how many of 100 orders are for it, and its price."""

_SERVICE_NAMES = tuple(SERVICES)
_SERVICE_BANDS = tuple(itertools.accumulate(share for share, _ in SERVICES.values()))


def orders(citizen: Citizen) -> Iterator[Fact]:
    """Services ordered in the last two years, mostly completed within weeks; appointments."""
    rng = citizen.rng
    count = min(int(rng.expovariate(1.3)), 6) if citizen.age > 14 else 0
    for name in rng.choices(_SERVICE_NAMES, cum_weights=_SERVICE_BANDS, k=count):
        day = citizen.now - rng.randrange(1, 2 * 365)
        yield order(day, name, SERVICES[name][1])
        yield completed(citizen.after(day, 15), name)
    if citizen.chance(0.05):
        booked = citizen.now - rng.randrange(1, 30)
        yield booked, "appointment.booked", {"day": text(booked + rng.randrange(1, 31))}
        if citizen.chance(0.1):
            yield citizen.after(booked, 5), "appointment.cancelled", {}
