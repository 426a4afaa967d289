"""What comes from courts and bailiffs."""

from collections.abc import Iterator

from quadrupel.lives.citizen import Citizen, Fact, text


def enforcement(citizen: Citizen) -> Iterator[Fact]:
    """Debts that the bailiffs collect, mostly paid within weeks."""
    if citizen.age > 18 and citizen.chance(0.03):
        opened = citizen.within(300)
        amount = citizen.rng.randrange(8, 600) * 100
        debt = {"opened": text(opened), "amount": amount}
        yield opened, "enforcement.opened", debt
        paid = citizen.after(opened, 40)
        yield paid, "enforcement.paid", {"amount": amount}
        yield paid, "enforcement.closed", {}


def hearings(citizen: Citizen) -> Iterator[Fact]:
    """Summoned to a court a few weeks before."""
    if citizen.age > 18 and citizen.chance(0.01):
        summoned = citizen.within(60)
        day = summoned + citizen.rng.randrange(14, 60)
        yield summoned, "court.summoned", {"day": text(day)}
