"""Check-ups, vaccinations, disability, blood donations."""

from collections.abc import Iterator

from quadrupel.lives.citizen import YEAR, Citizen, Fact, completed, order, text


def checkups(citizen: Citizen) -> Iterator[Fact]:
    """Every third adult had a check-up lately; fewer are vaccinated every autumn."""
    if citizen.age > 18 and citizen.chance(0.3):
        yield completed(citizen.within(500), "checkup")
    if citizen.age > 18 and citizen.chance(0.1):
        yield completed(citizen.within(700), "influenza_vaccination")


def disability(citizen: Citizen) -> Iterator[Fact]:
    """Certified for a year or two, and mostly certified again in time."""
    if citizen.chance(0.06 if citizen.age > 50 else 0.015):
        certified = citizen.within(2 * YEAR)
        until = certified + 365 * citizen.rng.randint(1, 2)
        yield certified, "disability.certified", {"until": text(until)}
        if citizen.chance(0.6):
            yield order(until - citizen.rng.randrange(10, 80), "disability_certificate")


def donations(citizen: Citizen) -> Iterator[Fact]:
    """One in a thousand gives blood again and again."""
    if 30 < citizen.age < 60 and citizen.chance(0.003):
        for number in range(citizen.rng.randrange(30, 50)):
            yield completed(citizen.now - 20 - 70 * number, "blood_donation")
        if citizen.chance(0.4):
            yield order(citizen.within(300), "honorary_donor")
