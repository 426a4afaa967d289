"""A synthetic citizen, and the words in which every part of a life is written down.

The days of a life are ordinals (`date.toordinal`).
"""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

YEAR = 365.2425

AGES = (10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 100)
AGE_SHARES = (40, 54, 58, 64, 82, 99, 92, 84, 78, 76, 80, 68, 54, 26, 24, 21)
"""How many of 1,000 citizens are between each two ages."""

REGIONS = ("77", "50", "78", "47", "23", "66", "16", "61", "74", "02", "54", "24", "52", "38", "25")
REGION_SHARES = (16, 10, 7, 3, 8, 6, 6, 6, 5, 6, 4, 4, 4, 4, 4)

_AGE_BANDS = tuple(itertools.accumulate(AGE_SHARES))
_REGION_BANDS = tuple(itertools.accumulate(REGION_SHARES))

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

    def within(self, days: float) -> int:
        """A day of the last `days` ones, each as likely."""
        return self.now - self.rng.randrange(1, int(days) + 1)


def random_citizen(rng: random.Random, today: date) -> Citizen:
    """Somebody of 10 to 100 years, as likely of each age as in a population."""
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


def order(day: int, service: str, price: int = 0) -> Fact:
    """A service was ordered, at a price in roubles."""
    return day, "service.ordered", {"service": service, "price": price}


def completed(day: int, service: str) -> Fact:
    """A service was completed."""
    return day, "service.completed", {"service": service}


def document(kind: str, issued: int, expires: int | None) -> Fact:
    """A document of the kind was issued, to run out on a day or never."""
    data = {"kind": kind, "issued": text(issued)}
    if expires is not None:
        data["expires"] = text(expires)
    return issued, "document.issued", data


def years_after(day: int, years: int) -> int:
    """The same day years later; 28 February for 29 February."""
    start = date.fromordinal(day)
    if (start.month, start.day) == (2, 29):
        start = start.replace(day=28)
    return start.replace(year=start.year + years).toordinal()


def text(day: int) -> str:
    """A day as events carry it."""
    return date.fromordinal(day).isoformat()
