"""Licences, vehicles, insurance and fines."""

from collections.abc import Iterator

from quadrupel.lives.citizen import YEAR, Citizen, Fact, document, order, text, years_after

FINES = (500, 500, 500, 800, 800, 1000, 1000, 1500, 2000, 5000, 30000)


def driving(citizen: Citizen) -> Iterator[Fact]:
    """Licences of ten years, renewed around their end; a car, its insurance, fines."""
    if citizen.age < 18 or not citizen.chance(0.62 if citizen.sex == "male" else 0.36):
        return
    first = issued = citizen.after(citizen.birthday(18), 5 * YEAR)
    previous = None
    while (renewed := _renewal(citizen, years_after(issued, 10))) < citizen.now:
        previous, issued = issued, renewed
    if issued >= citizen.now:
        return
    if previous is not None and citizen.now - issued < 3 * YEAR:
        yield document("driving_licence", previous, years_after(previous, 10))
    yield document("driving_licence", issued, years_after(issued, 10))
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
    due = years_after(bought, 4)
    yield bought, "vehicle.registered", {"inspection_due": text(due)}
    inspected = None
    while (next_ := due - 45 + int(citizen.rng.expovariate(1 / 40))) < citizen.now:
        inspected, due = next_, years_after(next_, 2)
    if inspected is not None:
        yield inspected, "vehicle.inspected", {"inspection_due": text(due)}
    insured = citizen.now - citizen.rng.randrange(1, 390)
    if insured > bought:
        yield document("insurance_certificate", insured, years_after(insured, 1))
    if citizen.chance(0.5):
        yield from _fine(citizen)
    if citizen.chance(0.04):
        yield citizen.after(max(bought, insured), YEAR), "vehicle.sold", {}


def _fine(citizen: Citizen) -> Iterator[Fact]:
    """Settled with a discount within 30 days, mostly; to be paid within 70."""
    issued = citizen.now - citizen.rng.randrange(1, 365)
    amount = citizen.rng.choice(FINES)
    days = {"discount_until": text(issued + 30), "due": text(issued + 70)}
    yield issued, "fine.issued", {"amount": amount, **days}
    paid = citizen.after(issued, 18 if citizen.chance(0.8) else 200)
    yield paid, "fine.paid", {"amount": amount}


def new_vehicle(citizen: Citizen) -> Iterator[Fact]:
    """Two of a hundred adults bought a vehicle in the last two months, and mostly registered it."""
    if 18 < citizen.age < 75 and citizen.chance(0.02):
        bought = citizen.within(60)
        yield bought, "vehicle.bought", {"bought": text(bought)}
        registered = citizen.after(bought, 8)
        due = text(years_after(registered, 4))
        yield registered, "vehicle.registered", {"inspection_due": due}


def repeated_fines(citizen: Citizen) -> Iterator[Fact]:
    """One in fifty adults is fined every few months; every third of them lets the portal pay."""
    if 20 < citizen.age < 70 and citizen.chance(0.02):
        for _ in range(citizen.rng.randrange(3, 7)):
            yield from _fine(citizen)
        if citizen.chance(0.3):
            yield order(citizen.within(300), "fine_autopay")
