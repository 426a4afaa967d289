"""The life of a synthetic citizen: what happened when, in shapes that are plausible.

Ages, families, documents with the validity they have, fines that are mostly paid in time: no
figure is a statistic of any country.
"""

import random
from collections.abc import Callable, Iterator
from datetime import date

from quadrupel.lives import (
    authorities,
    family,
    health,
    home,
    papers,
    transport,
    visits,
    work,
)
from quadrupel.lives.citizen import Citizen, Fact, random_citizen

PARTS: tuple[Callable[[Citizen], Iterator[Fact]], ...] = (
    papers.registration,
    papers.passports,
    papers.other_documents,
    transport.driving,
    family.children,
    papers.new_name,
    work.jobs,
    visits.orders,
    home.payments,
    papers.military_registration,
    papers.papers_to_collect,
    transport.new_vehicle,
    family.travel_with_children,
    work.studies,
    work.self_employment,
    work.business,
    home.purchase,
    home.meters,
    home.subsidy,
    health.checkups,
    health.disability,
    health.donations,
    authorities.enforcement,
    authorities.hearings,
    transport.repeated_fines,
)
"""What a life consists of. Each part takes its chances after those before it."""


def life(rng: random.Random, today: date) -> list[Fact]:
    """What happened to one citizen before `today`, in order. Only `rng` brings chance into it."""
    citizen = random_citizen(rng, today)
    facts = [fact for part in PARTS for fact in part(citizen)]
    facts = [fact for fact in facts if fact[0] < citizen.now]
    facts.sort(key=lambda fact: fact[0])
    return facts
