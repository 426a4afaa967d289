"""A synthetic portal population: citizens who never lived, as a stream of events.

For the demo, tests and benchmarks. Citizen `i` depends on the seed, the day and `i` alone, so a
smaller population is the start of a larger one.
"""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from quadrupel.core.contacts import EMAIL, Contact
from quadrupel.core.errors import InputRefused
from quadrupel.core.events import YEARS, Event
from quadrupel.lives.life import life


def events(users: int, seed: int, today: date) -> Iterator[Event]:
    """The events of citizens `c0000001` to number `users`, one citizen after the other.

    Each citizen's are in the order of their times, the last no later than the day before `today`.
    The same arguments give the same events; memory does not grow with `users`. Raises InputRefused
    for a day of years that no event may be of.
    """
    if today.year not in YEARS:
        years = f"{YEARS.start} to {YEARS.stop - 1}"
        raise InputRefused("bad-day", f"synthetic users live in the years {years}, not on {today}")
    source = f"/population/{seed}/{today}"
    for number in range(1, users + 1):
        user_id = user_id_of(number)
        rng = random.Random(f"{seed}:{number}")
        for index, (day, type_, data) in enumerate(life(rng, today)):
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


def _time(rng: random.Random, day: int, index: int) -> datetime:
    """A time of an office day; later facts of one day come later."""
    seconds = 8 * 3600 + index * 600 + rng.randrange(600)
    return datetime.fromordinal(day).replace(tzinfo=UTC) + timedelta(seconds=seconds)
