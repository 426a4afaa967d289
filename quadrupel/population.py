"""A synthetic portal population: citizens who never lived, and the events of their lives.

For the demo, tests and benchmarks. The shapes are plausible (ages, families, documents with the
validity they have, fines that are mostly paid in time); no figure is a statistic of any country.
Citizen `i` depends on the seed, the day and `i` alone, so a smaller population is the start of a
larger one. The days of a life are ordinals (`date.toordinal`) until they become events.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from quadrupel.core.contacts import EMAIL, Contact
from quadrupel.core.events import Event

YEAR = 365.2425

AGES = (10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 100)
AGE_SHARES = (30, 52, 58, 64, 84, 101, 94, 86, 78, 76, 82, 70, 54, 26, 24, 21)
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
    "kindergarten": (6, 0),
    "vehicle_registration": (5, 850),
}
"""The portal's services: how many of 100 orders are for it, and its fee."""

_AGE_BANDS = tuple(itertools.accumulate(AGE_SHARES))
_REGION_BANDS = tuple(itertools.accumulate(REGION_SHARES))
_SERVICE_NAMES = tuple(SERVICES)
_SERVICE_BANDS = tuple(itertools.accumulate(share for share, _ in SERVICES.values()))
_FINES = (500, 500, 800, 1000, 1500, 2000, 5000)

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


def events(users: int, seed: int, today: date) -> Iterator[Event]:
    """The events of citizens `c0000001` to number `users`, one citizen after the other.

    Each citizen's are in the order of their times, the last no later than the day before `today`.
    The same arguments give the same events; memory does not grow with `users`.
    """
    source = f"/population/{seed}/{today}"
    for number in range(1, users + 1):
        user_id = user_id_of(number)
        rng = random.Random(f"{seed}:{number}")
        for index, (day, type_, data) in enumerate(_life(_citizen(rng, today))):
            yield Event(f"{user_id}-{index}", source, type_, user_id, _time(rng, day, index), data)


def contacts(users: int, seed: int) -> Iterator[Contact]:
    """How the citizens of `events` are reached by e-mail; some have not agreed to it."""
    for number in range(1, users + 1):
        user_id = user_id_of(number)
        rng = random.Random(f"{seed}:{number}")
        language = "ru" if rng.random() < 0.9 else "en"
        consents = {EMAIL: rng.random() < 0.85}
        yield Contact(user_id, f"{user_id}@example.org", language, consents)


def user_id_of(number: int) -> str:
    """The user id of a citizen by number, from 1."""
    return f"c{number:07d}"


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


def _life(citizen: Citizen) -> list[Fact]:
    """What happened to the citizen until now, in order."""
    facts = [fact for part in _PARTS for fact in part(citizen)]
    facts = [fact for fact in facts if fact[0] < citizen.now]
    facts.sort(key=lambda fact: fact[0])
    return facts


def _time(rng: random.Random, day: int, index: int) -> datetime:
    """A time of an office day; later facts of one day come later."""
    seconds = 8 * 3600 + index * 600 + rng.randrange(600)
    return datetime.fromordinal(day).replace(tzinfo=UTC) + timedelta(seconds=seconds)


def _registration(citizen: Citizen) -> Iterator[Fact]:
    data = {"birth_date": str(citizen.born), "sex": citizen.sex, "region": citizen.region}
    yield citizen.born.toordinal() + citizen.rng.randrange(3, 30), "citizen.registered", data


def _moves(citizen: Citizen) -> Iterator[Fact]:
    if citizen.age > 18 and citizen.chance(0.10):
        day = citizen.now - citizen.rng.randrange(1, 3 * 365)
        yield day, "residence.changed", {"region": citizen.rng.choice(REGIONS)}


def _passports(citizen: Citizen) -> Iterator[Fact]:
    """Issued at 14 and replaced at 20 and 45, mostly within weeks; a few are late by years."""
    for age, next_age in ((14, 20), (20, 45), (45, None)):
        late = citizen.chance(0.04)
        issued = citizen.after(citizen.birthday(age) + 5, 500 if late else 25)
        is_recent = citizen.now - issued < 5 * YEAR
        is_present = next_age is None or citizen.birthday(next_age) >= citizen.now - 1000
        if issued < citizen.now and (is_recent or is_present):
            yield _document("passport", issued, citizen.birthday(next_age) if next_age else None)


def _foreign_passport(citizen: Citizen) -> Iterator[Fact]:
    if citizen.chance(0.30):
        issued = citizen.now - citizen.rng.randrange(1, int(10.5 * YEAR))
        if issued > citizen.birthday(14):
            yield _document("foreign_passport", issued, _years_after(issued, 10))


def _driving(citizen: Citizen) -> Iterator[Fact]:
    """Licences of ten years, renewed around their end; a car, its insurance, fines."""
    if citizen.age < 18 or not citizen.chance(0.62 if citizen.sex == "male" else 0.36):
        return
    issued = citizen.after(citizen.birthday(18), 5 * YEAR)
    previous = None
    while (renewed := _renewal(citizen, _years_after(issued, 10))) < citizen.now:
        previous, issued = issued, renewed
    if issued >= citizen.now:
        return
    if previous is not None and citizen.now - issued < 3 * YEAR:
        yield _document("driving_licence", previous, _years_after(previous, 10))
    yield _document("driving_licence", issued, _years_after(issued, 10))
    if citizen.chance(0.75):
        yield from _car(citizen, issued)


def _renewal(citizen: Citizen, expires: int) -> int:
    """When a licence is renewed; for some old drivers, never."""
    if expires > citizen.birthday(65) and citizen.chance(0.15):
        return citizen.now
    return expires - 40 + int(citizen.rng.expovariate(1 / 45))


def _car(citizen: Citizen, since: int) -> Iterator[Fact]:
    bought = max(since, citizen.now - int(citizen.rng.uniform(0, 12) * YEAR))
    power = citizen.rng.randrange(70, 260)
    yield bought, "vehicle.registered", {"kind": "car", "power": power}
    insured = citizen.now - citizen.rng.randrange(1, 390)
    if insured > bought:
        yield _document("insurance_certificate", insured, _years_after(insured, 1))
    if citizen.chance(0.45):
        yield from _fine(citizen)


def _fine(citizen: Citizen) -> Iterator[Fact]:
    """A fine; within 30 days it costs half, and most citizens pay it then."""
    issued = citizen.now - citizen.rng.randrange(1, 2 * 365)
    amount = citizen.rng.choice(_FINES)
    until = issued + 30
    data = {"amount": amount, "discount_until": _text(until)}
    yield issued, "fine.issued", data
    paid = citizen.after(issued, 14 if citizen.chance(0.8) else 200)
    yield paid, "fine.paid", {"amount": amount}


def _children(citizen: Citizen) -> Iterator[Fact]:
    """Births in the last 16 years, of parents of 20 to 42."""
    first = citizen.after(citizen.birthday(20), 7 * YEAR)
    for birth in (first, citizen.after(first + 400, 4 * YEAR)):
        if citizen.now - 16 * YEAR < birth < citizen.birthday(42) and citizen.chance(0.7):
            yield (
                birth + citizen.rng.randrange(3, 21),
                "child.registered",
                {"birth_date": _text(birth)},
            )


def _orders(citizen: Citizen) -> Iterator[Fact]:
    count = min(int(citizen.rng.expovariate(0.75)), 6) if citizen.age > 14 else 0
    for name in citizen.rng.choices(_SERVICE_NAMES, cum_weights=_SERVICE_BANDS, k=count):
        day = citizen.now - citizen.rng.randrange(1, 2 * 365)
        yield day, "service.ordered", {"service": name, "fee": SERVICES[name][1]}


def _taxes(citizen: Citizen) -> Iterator[Fact]:
    """The yearly tax on property, charged in September, due on 1 December."""
    if citizen.age < 25 or not citizen.chance(0.4):
        return
    year = date.fromordinal(citizen.now).year
    charged = date(year, 9, 10).toordinal() + citizen.rng.randrange(20)
    if charged >= citizen.now:
        year -= 1
        charged = date(year, 9, 10).toordinal() + citizen.rng.randrange(20)
    amount = citizen.rng.randrange(4, 120) * 100
    yield charged, "tax.charged", {"amount": amount, "due": f"{year}-12-01"}
    yield citizen.after(charged, 40), "tax.paid", {"amount": amount}


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
    _moves,
    _passports,
    _foreign_passport,
    _driving,
    _children,
    _orders,
    _taxes,
)
