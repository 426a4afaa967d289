"""Births and what follows them: benefits, a kindergarten, travelling with a child."""

from collections.abc import Iterator

from quadrupel.lives.citizen import YEAR, Citizen, Fact, completed, order, text


def children(citizen: Citizen) -> Iterator[Fact]:
    """Births in the last 16 years, of parents of 20 to 42."""
    first = citizen.after(citizen.birthday(20), 7 * YEAR)
    second = citizen.after(first + 400, 4 * YEAR)
    third = citizen.after(second + 400, 3 * YEAR)
    for birth, share in ((first, 0.7), (second, 0.7), (third, 0.15)):
        if citizen.now - 16 * YEAR < birth < citizen.birthday(42) and citizen.chance(share):
            registered = birth + citizen.rng.randrange(3, 21)
            yield registered, "child.registered", {"birth_date": text(birth)}
            yield from _first_years(citizen, birth)
            if birth == third and citizen.chance(0.6):
                yield order(citizen.after(birth, 90), "large_family")


def _first_years(citizen: Citizen, birth: int) -> Iterator[Fact]:
    if citizen.now - birth > 4 * YEAR:
        return
    if citizen.now - birth < 3 * YEAR:
        benefit = citizen.after(birth, 40)
        yield order(benefit, "child_benefit")
        if citizen.chance(0.5):
            yield order(citizen.after(benefit + 335, 20), "child_benefit")
        if citizen.chance(0.7):
            yield order(citizen.after(birth, 150), "kindergarten")
    if citizen.chance(0.6):
        yield completed(citizen.after(birth + 335, 20), "child_checkup")
    if citizen.chance(0.5):
        offered = citizen.after(birth + 500, YEAR)
        yield offered, "kindergarten.offered", {"until": text(offered + 30)}
        yield citizen.after(offered, 25), "kindergarten.accepted", {}


def travel_with_children(citizen: Citizen) -> Iterator[Fact]:
    """Of parents: a passport for the child, then mostly the consent to travel."""
    if 22 < citizen.age < 55 and citizen.chance(0.02):
        ordered = citizen.within(300)
        yield order(ordered, "child_foreign_passport", 1500)
        issued = citizen.after(ordered, 25)
        yield completed(issued, "child_foreign_passport")
        if citizen.chance(0.4):
            yield order(citizen.after(issued, 20), "travel_consent")
