"""The life of a synthetic citizen: what happened when, in shapes that are plausible.

Ages, families, documents with the validity they have, fines that are mostly paid in time: no
figure is a statistic of any country. The days of a life are ordinals (`date.toordinal`).
"""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

YEAR = 365.2425

AGES = (10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 100)
AGE_SHARES = (40, 54, 58, 64, 82, 99, 92, 84, 78, 76, 80, 68, 54, 26, 24, 21)
"""How many of 1,000 citizens are between each two ages."""

REGIONS = ("77", "50", "78", "47", "23", "66", "16", "61", "74", "02", "54", "24", "52", "38", "25")
REGION_SHARES = (16, 10, 7, 3, 8, 6, 6, 6, 5, 6, 4, 4, 4, 4, 4)

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

_AGE_BANDS = tuple(itertools.accumulate(AGE_SHARES))
_REGION_BANDS = tuple(itertools.accumulate(REGION_SHARES))
_SERVICE_NAMES = tuple(SERVICES)
_SERVICE_BANDS = tuple(itertools.accumulate(share for share, _ in SERVICES.values()))
_FINES = (500, 500, 500, 800, 800, 1000, 1000, 1500, 2000, 5000, 30000)

Fact = tuple[int, str, Mapping[str, Any]]
"""What happened: the day, the type of the event, its data."""


@dataclass(frozen=True, slots=True)
class Citizen:
    """Whom a life is made for. `now` is the day after the last one on which anything happens."""

    rng: random.Random
    born: date
    now: int
    sex: str
    region: str

    @property
    def age(self) -> float:
        """Years lived until now."""
        return (self.now - self.born.toordinal()) / YEAR

    def birthday(self, age: int) -> int:
        """The day on which the citizen is `age`: 1 March for who was born on 29 February."""
        try:
            return self.born.replace(year=self.born.year + age).toordinal()
        except ValueError:
            return date(self.born.year + age, 3, 1).toordinal()

    def chance(self, share: float) -> bool:
        """True for `share` of the cases."""
        return self.rng.random() < share

    def after(self, day: float, mean: float) -> int:
        """A day after `day`: soon, mostly; `mean` days on average."""
        return int(day + 1 + self.rng.expovariate(1 / mean))


def life(rng: random.Random, today: date) -> list[Fact]:
    """What happened to one citizen before `today`, in order. Only `rng` brings chance into it."""
    citizen = _citizen(rng, today)
    facts = [fact for part in _PARTS for fact in part(citizen)]
    facts = [fact for fact in facts if fact[0] < citizen.now]
    facts.sort(key=lambda fact: fact[0])
    return facts


def _citizen(rng: random.Random, today: date) -> Citizen:
    (band,) = rng.choices(range(len(AGE_SHARES)), cum_weights=_AGE_BANDS)
    age = rng.uniform(AGES[band], AGES[band + 1])
    (region,) = rng.choices(REGIONS, cum_weights=_REGION_BANDS)
    return Citizen(
        rng=rng,
        born=today - timedelta(days=int(age * YEAR)),
        now=today.toordinal(),
        sex="female" if rng.random() < 0.5 + max(0.0, age - 50) / 250 else "male",
        region=region,
    )


def _registration(citizen: Citizen) -> Iterator[Fact]:
    """Came to the portal within twelve years, and moved at most once in the last three."""
    rng = citizen.rng
    joined = citizen.now - int(rng.random() * min(citizen.age - 8, 12) * YEAR) - 1
    moved = citizen.now - rng.randrange(1, 3 * 365)
    region = citizen.region
    if citizen.age > 18 and citizen.chance(0.12):
        new_region = rng.choice(REGIONS)
        region = new_region if moved < joined else region
        since = {"region": new_region, "since": _text(moved)}
        yield moved, "residence.registered", since
        if citizen.chance(0.3):
            yield _order(citizen.after(moved, 30), "parking_permit", 0)
    person = {"birth_date": str(citizen.born), "sex": citizen.sex, "region": region}
    yield joined, "citizen.registered", person
    if citizen.now - joined < YEAR and citizen.chance(0.6):
        yield citizen.after(joined, 3), "service.completed", {"service": "profile"}


def _passports(citizen: Citizen) -> Iterator[Fact]:
    """Issued at 14 and replaced at 20 and 45, mostly within weeks; a few are late by years."""
    for age, next_age in ((14, 20), (20, 45), (45, None)):
        late = citizen.chance(0.04)
        issued = citizen.after(citizen.birthday(age) + 7, 500 if late else 45)
        is_recent = citizen.now - issued < 5 * YEAR
        is_present = next_age is None or citizen.birthday(next_age) >= citizen.now - 1000
        if issued < citizen.now and (is_recent or is_present):
            yield _document("passport", issued, citizen.birthday(next_age) if next_age else None)


def _other_documents(citizen: Citizen) -> Iterator[Fact]:
    """Three of ten have a foreign passport, three of a hundred live here by a permit."""
    if citizen.chance(0.30):
        issued = citizen.now - citizen.rng.randrange(1, int(10.5 * YEAR))
        if issued > citizen.birthday(14):
            yield _document("foreign_passport", issued, _years_after(issued, 10))
            if citizen.chance(0.01):
                yield citizen.after(issued, YEAR), "document.revoked", {"kind": "foreign_passport"}
    if citizen.chance(0.03):
        issued = citizen.now - citizen.rng.randrange(1, int(3.1 * YEAR))
        yield _document("residence_permit", issued, _years_after(issued, 3))


def _driving(citizen: Citizen) -> Iterator[Fact]:
    """Licences of ten years, renewed around their end; a car, its insurance, fines."""
    if citizen.age < 18 or not citizen.chance(0.62 if citizen.sex == "male" else 0.36):
        return
    first = issued = citizen.after(citizen.birthday(18), 5 * YEAR)
    previous = None
    while (renewed := _renewal(citizen, _years_after(issued, 10))) < citizen.now:
        previous, issued = issued, renewed
    if issued >= citizen.now:
        return
    if previous is not None and citizen.now - issued < 3 * YEAR:
        yield _document("driving_licence", previous, _years_after(previous, 10))
    yield _document("driving_licence", issued, _years_after(issued, 10))
    if citizen.chance(0.75):
        yield from _car(citizen, first)


def _renewal(citizen: Citizen, expires: int) -> int:
    """When a licence is renewed; for some old drivers, never."""
    if expires > citizen.birthday(65) and citizen.chance(0.15):
        return citizen.now
    return expires - 40 + int(citizen.rng.expovariate(1 / 45))


def _car(citizen: Citizen, since: int) -> Iterator[Fact]:
    """Inspected after four years and then every two, insured every year."""
    bought = max(since, citizen.now - int(citizen.rng.uniform(0, 12) * YEAR) - 1)
    due = _years_after(bought, 4)
    yield bought, "vehicle.registered", {"inspection_due": _text(due)}
    inspected = None
    while (next_ := due - 45 + int(citizen.rng.expovariate(1 / 40))) < citizen.now:
        inspected, due = next_, _years_after(next_, 2)
    if inspected is not None:
        yield inspected, "vehicle.inspected", {"inspection_due": _text(due)}
    insured = citizen.now - citizen.rng.randrange(1, 390)
    if insured > bought:
        yield _document("insurance_certificate", insured, _years_after(insured, 1))
    if citizen.chance(0.5):
        yield from _fine(citizen)
    if citizen.chance(0.04):
        yield citizen.after(max(bought, insured), YEAR), "vehicle.sold", {}


def _fine(citizen: Citizen) -> Iterator[Fact]:
    """Settled with a discount within 30 days, mostly; to be paid within 70."""
    issued = citizen.now - citizen.rng.randrange(1, 365)
    amount = citizen.rng.choice(_FINES)
    days = {"discount_until": _text(issued + 30), "due": _text(issued + 70)}
    yield issued, "fine.issued", {"amount": amount, **days}
    paid = citizen.after(issued, 18 if citizen.chance(0.8) else 200)
    yield paid, "fine.paid", {"amount": amount}


def _family(citizen: Citizen) -> Iterator[Fact]:
    """Births in the last 16 years, of parents of 20 to 42; a new name at a marriage."""
    first = citizen.after(citizen.birthday(20), 7 * YEAR)
    for birth in (first, citizen.after(first + 400, 4 * YEAR)):
        if citizen.now - 16 * YEAR < birth < citizen.birthday(42) and citizen.chance(0.7):
            registered = birth + citizen.rng.randrange(3, 21)
            yield registered, "child.registered", {"birth_date": _text(birth)}
            if citizen.now - birth < 3 * YEAR:
                yield _order(citizen.after(birth, 40), "child_benefit", 0)
                if citizen.chance(0.7):
                    yield _order(citizen.after(birth, 150), "kindergarten", 0)
    if citizen.chance(0.7 if citizen.sex == "female" else 0.02):
        wedding = citizen.after(citizen.birthday(18), 8 * YEAR)
        if wedding > citizen.now - 5 * YEAR:
            yield wedding, "name.changed", {"changed": _text(wedding)}


def _work(citizen: Citizen) -> Iterator[Fact]:
    """Jobs begun in the last eight years, some of them lost; then the pension."""
    retired = citizen.birthday(60 if citizen.sex == "female" else 65)
    if citizen.now >= retired:
        granted = citizen.after(retired, 40)
        if granted > citizen.now - 12 * YEAR:
            yield granted, "pension.granted", {"since": _text(granted)}
    elif citizen.age > 22 and citizen.chance(0.45):
        started = citizen.now - citizen.rng.randrange(1, int(min(8, citizen.age - 18) * YEAR))
        yield started, "employment.started", {}
        if citizen.chance(0.2):
            ended = citizen.after(started + 90, 2 * YEAR)
            yield ended, "employment.ended", {"ended": _text(ended)}
            if citizen.chance(0.5):
                yield _order(citizen.after(ended, 15), "job_seeker", 0)


def _orders(citizen: Citizen) -> Iterator[Fact]:
    """Services ordered in the last two years, mostly completed within weeks; appointments."""
    rng = citizen.rng
    count = min(int(rng.expovariate(1.3)), 6) if citizen.age > 14 else 0
    for name in rng.choices(_SERVICE_NAMES, cum_weights=_SERVICE_BANDS, k=count):
        day = citizen.now - rng.randrange(1, 2 * 365)
        yield _order(day, name, SERVICES[name][1])
        yield citizen.after(day, 15), "service.completed", {"service": name}
    if citizen.chance(0.05):
        booked = citizen.now - rng.randrange(1, 30)
        yield booked, "appointment.booked", {"day": _text(booked + rng.randrange(1, 31))}
        if citizen.chance(0.1):
            yield citizen.after(booked, 5), "appointment.cancelled", {}


def _payments(citizen: Citizen) -> Iterator[Fact]:
    """Of owners of property: the yearly tax, and the last month's utilities."""
    rng = citizen.rng
    if citizen.age < 25 or not citizen.chance(0.3):
        return
    if citizen.chance(0.12):  # the tax was reckoned again, and is due in a month
        assessed = citizen.now - rng.randrange(1, 200)
        due = _text(assessed + 30)
    else:
        year = date.fromordinal(citizen.now - 280).year
        assessed = date(year, 9, 10).toordinal() + rng.randrange(20)
        due = f"{year}-12-01"
    amount = rng.randrange(4, 120) * 100
    yield assessed, "tax.assessed", {"amount": amount, "due": due}
    yield citizen.after(assessed, 40), "tax.paid", {"amount": amount}
    charged = citizen.now - rng.randrange(1, 45)
    amount = rng.randrange(20, 90) * 100
    yield charged, "utilities.charged", {"amount": amount, "due": _text(charged + 20)}
    yield citizen.after(charged, 10), "utilities.paid", {"amount": amount}


def _order(day: int, service: str, price: int) -> Fact:
    return day, "service.ordered", {"service": service, "price": price}


def _document(kind: str, issued: int, expires: int | None) -> Fact:
    data = {"kind": kind, "issued": _text(issued)}
    if expires is not None:
        data["expires"] = _text(expires)
    return issued, "document.issued", data


def _years_after(day: int, years: int) -> int:
    start = date.fromordinal(day)
    if (start.month, start.day) == (2, 29):
        start = start.replace(day=28)
    return start.replace(year=start.year + years).toordinal()


def _text(day: int) -> str:
    return date.fromordinal(day).isoformat()


_PARTS: tuple[Callable[[Citizen], Iterator[Fact]], ...] = (
    _registration,
    _passports,
    _other_documents,
    _driving,
    _family,
    _work,
    _orders,
    _payments,
)
