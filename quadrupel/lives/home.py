"""A home of one's own: its tax, utilities, meters and subsidies."""

from collections.abc import Iterator
from datetime import date

from quadrupel.lives.citizen import YEAR, Citizen, Fact, order, text


def payments(citizen: Citizen) -> Iterator[Fact]:
    """Of owners of property: the yearly tax, and the last month's utilities."""
    rng = citizen.rng
    if citizen.age < 25 or not citizen.chance(0.3):
        return
    if citizen.chance(0.12):  # the tax was reckoned again, and is due in a month
        assessed = citizen.now - rng.randrange(1, 200)
        due = text(assessed + 30)
    else:
        year = date.fromordinal(citizen.now - 280).year
        assessed = date(year, 9, 10).toordinal() + rng.randrange(20)
        due = f"{year}-12-01"
    amount = rng.randrange(4, 120) * 100
    yield assessed, "tax.assessed", {"amount": amount, "due": due}
    paid = amount + 700 if citizen.chance(0.02) else amount
    yield citizen.after(assessed, 40), "tax.paid", {"amount": paid}
    charged = citizen.now - rng.randrange(1, 45)
    amount = rng.randrange(20, 90) * 100
    yield charged, "utilities.charged", {"amount": amount, "due": text(charged + 20)}
    yield citizen.after(charged, 10), "utilities.paid", {"amount": amount}


def purchase(citizen: Citizen) -> Iterator[Fact]:
    """Three of a hundred bought their home in the last four years; most have claimed the tax."""
    if 25 < citizen.age < 70 and citizen.chance(0.03):
        bought = citizen.within(4 * YEAR)
        yield bought, "property.registered", {"registered": text(bought)}
        if citizen.chance(0.7):
            yield order(citizen.after(bought, 200), "property_deduction")


def meters(citizen: Citizen) -> Iterator[Fact]:
    """Verified every six years; their readings are sent through the portal by half of the homes."""
    if citizen.age < 25 or not citizen.chance(0.2):
        return
    verified = citizen.within(6.1 * YEAR)
    yield verified, "meter.verified", {"due": text(verified + int(6 * YEAR))}
    if citizen.chance(0.5):
        yield order(citizen.within(60), "meter_readings")


def subsidy(citizen: Citizen) -> Iterator[Fact]:
    """Granted for half a year at a time, to pensioners mostly."""
    if citizen.age > 25 and citizen.chance(0.06 if citizen.age > 60 else 0.01):
        granted = citizen.within(220)
        yield granted, "subsidy.granted", {"until": text(granted + 182)}
