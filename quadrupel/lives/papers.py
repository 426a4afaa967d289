"""Who the citizen is: registration, passports and other documents, what is due at an age."""

from collections.abc import Iterator

from quadrupel.lives.citizen import (
    REGIONS,
    YEAR,
    Citizen,
    Fact,
    completed,
    document,
    order,
    text,
    years_after,
)


def registration(citizen: Citizen) -> Iterator[Fact]:
    """Came to the portal within twelve years, and moved at most once in the last three."""
    rng = citizen.rng
    joined = citizen.now - int(rng.random() * min(citizen.age - 8, 12) * YEAR) - 1
    moved = citizen.now - rng.randrange(1, 3 * 365)
    region = citizen.region
    if citizen.age > 18 and citizen.chance(0.12):
        new_region = rng.choice(REGIONS)
        region = new_region if moved < joined else region
        since = {"region": new_region, "since": text(moved)}
        yield moved, "residence.registered", since
        if citizen.chance(0.3):
            yield order(citizen.after(moved, 30), "parking_permit")
        if citizen.chance(0.5):
            yield order(citizen.after(moved, 40), "clinic")
    person = {"birth_date": str(citizen.born), "sex": citizen.sex, "region": region}
    yield joined, "citizen.registered", person
    if citizen.now - joined < YEAR and citizen.chance(0.6):
        yield citizen.after(joined, 3), "service.completed", {"service": "profile"}


def passports(citizen: Citizen) -> Iterator[Fact]:
    """Issued at 14 and replaced at 20 and 45, mostly within weeks; a few are late by years."""
    for age, next_age in ((14, 20), (20, 45), (45, None)):
        late = citizen.chance(0.04)
        issued = citizen.after(citizen.birthday(age) + 7, 500 if late else 45)
        is_recent = citizen.now - issued < 5 * YEAR
        is_present = next_age is None or citizen.birthday(next_age) >= citizen.now - 1000
        if issued < citizen.now and (is_recent or is_present):
            yield document("passport", issued, citizen.birthday(next_age) if next_age else None)


def other_documents(citizen: Citizen) -> Iterator[Fact]:
    """Three of ten have a foreign passport, three of a hundred live here by a permit."""
    if citizen.chance(0.30):
        issued = citizen.now - citizen.rng.randrange(1, int(10.5 * YEAR))
        if issued > citizen.birthday(14):
            yield document("foreign_passport", issued, years_after(issued, 10))
            if citizen.chance(0.01):
                yield citizen.after(issued, YEAR), "document.revoked", {"kind": "foreign_passport"}
    if citizen.chance(0.03):
        issued = citizen.now - citizen.rng.randrange(1, int(3.1 * YEAR))
        yield document("residence_permit", issued, years_after(issued, 3))


def new_name(citizen: Citizen) -> Iterator[Fact]:
    """A new name at a marriage, and mostly a passport with it; the licence may wait."""
    if not citizen.chance(0.7 if citizen.sex == "female" else 0.02):
        return
    wedding = citizen.after(citizen.birthday(18), 8 * YEAR)
    if wedding > citizen.now - 5 * YEAR:
        yield wedding, "name.changed", {"changed": text(wedding)}
        if citizen.chance(0.85):
            yield document("passport", citizen.after(wedding, 60), None)


def military_registration(citizen: Citizen) -> Iterator[Fact]:
    """Of men in the year they turn 17, mostly in its first half."""
    if citizen.sex == "male" and 17 <= citizen.age < 19:
        yield completed(citizen.after(citizen.birthday(17), 150), "military_registration")


def papers_to_collect(citizen: Citizen) -> Iterator[Fact]:
    """One in a hundred has had a document lying at an office lately."""
    if citizen.age > 14 and citizen.chance(0.01):
        ready = citizen.within(60)
        yield ready, "document.ready", {"since": text(ready)}
        yield citizen.after(ready, 12), "document.collected", {}
