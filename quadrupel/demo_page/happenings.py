"""In which words the lives of made citizens are written down: facts, happenings, situations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from quadrupel.rules.days import add_years

Words = Mapping[str, str]
"""A text by language."""

Data = Mapping[str, object]

Fact = tuple[int, str, Data]
"""What happened: how many days ago, the type of the event, its data."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a button makes happen; `data` is told the day that it is for the citizen."""

    id: str
    title: Words
    type: str
    data: Callable[[date], Data]


@dataclass(frozen=True, slots=True)
class Situation:
    """A citizen in a situation of life: `past` is told today, and gives what happened before."""

    id: str
    person: Words
    about: Words
    past: Callable[[date], Sequence[Fact]]
    happenings: Sequence[Happening]


def in_days(day: date, days: int) -> str:
    """The day so many days later, as events carry it."""
    return (day + timedelta(days=days)).isoformat()


def registered(birthday: date, sex: str) -> Fact:
    """Somebody born on that day came to the portal, long ago."""
    data = {"birth_date": birthday.isoformat(), "sex": sex, "region": "77"}
    return 900, "citizen.registered", data


def born(today: date, years: int, days: int = 0) -> date:
    """The birthday of somebody who turns so many years old in so many days."""
    birthday = today.toordinal() + days
    return date.fromordinal(add_years(birthday, -years))


def issued(kind: str, ago: int, today: date, expires: int) -> Fact:
    """A document of the kind was issued so many days ago, and runs out in so many days."""
    data = {"kind": kind, "issued": in_days(today, -ago), "expires": in_days(today, expires)}
    return ago, "document.issued", data


def document(id_: str, en: str, ru: str, kind: str, days: int) -> Happening:
    """A document of the kind is issued, valid for so many days."""

    def data(day: date) -> Data:
        return {"kind": kind, "issued": day.isoformat(), "expires": in_days(day, days)}

    return Happening(id_, {"en": en, "ru": ru}, "document.issued", data)


def order(service: str, en: str, ru: str) -> Happening:
    """A service is ordered."""
    id_ = f"order_{service}"
    words = {"en": f"Orders: {en}", "ru": f"Заказывает: {ru}"}
    return Happening(id_, words, "service.ordered", lambda _: {"service": service, "price": 0})


def event(type_: str, en: str, ru: str, data: Callable[[date], Data]) -> Happening:
    """An event of the type, whose data depend on the day."""
    return Happening(type_.replace(".", "_"), {"en": en, "ru": ru}, type_, data)
