"""Studies, jobs and the pension, and work on one's own account."""

from collections.abc import Iterator
from datetime import date

from quadrupel.lives.citizen import YEAR, Citizen, Fact, order, text


def studies(citizen: Citizen) -> Iterator[Fact]:
    """The state exam at the end of school; then four years at a university, for one in three."""
    if 16 < citizen.age < 19 and citizen.chance(0.4):
        yield order(citizen.within(60), "state_exam")
    if 18 < citizen.age < 25 and citizen.chance(0.35):
        year = citizen.born.year + 18
        until = text(date(year + 4, 6, 30).toordinal())
        yield date(year, 9, 1).toordinal(), "studies.started", {"until": until}


def jobs(citizen: Citizen) -> Iterator[Fact]:
    """Jobs begun in the last eight years, some of them lost; then the pension."""
    retired = citizen.birthday(60 if citizen.sex == "female" else 65)
    if citizen.now >= retired:
        granted = citizen.after(retired, 40)
        if granted > citizen.now - 12 * YEAR:
            yield granted, "pension.granted", {"since": text(granted)}
            if citizen.chance(0.6):
                yield order(citizen.after(granted, 30), "pensioner_pass")
        if citizen.now < retired + YEAR and citizen.chance(0.4):
            yield order(retired + citizen.rng.randrange(20), "pension")
    elif citizen.age > 22 and citizen.chance(0.45):
        started = citizen.now - citizen.rng.randrange(1, int(min(8, citizen.age - 18) * YEAR))
        yield started, "employment.started", {}
        if citizen.chance(0.2):
            ended = citizen.after(started + 90, 2 * YEAR)
            yield ended, "employment.ended", {"ended": text(ended)}
            if citizen.chance(0.5):
                yield order(citizen.after(ended, 15), "job_seeker", 0)


def self_employment(citizen: Citizen) -> Iterator[Fact]:
    """Four of a hundred; most of them pay a tax every month."""
    if 18 < citizen.age < 60 and citizen.chance(0.04):
        since = citizen.within(3 * YEAR)
        yield since, "self_employment.started", {"since": text(since)}
        if citizen.chance(0.75):
            paid = citizen.within(60)
            yield order(max(since, paid), "self_employed_tax", citizen.rng.randrange(2, 90) * 100)
        if citizen.chance(0.05):
            yield citizen.after(since, YEAR), "self_employment.ended", {}


def business(citizen: Citizen) -> Iterator[Fact]:
    """Entrepreneurs: a tax regime, contributions once a year, reports that are mostly in time."""
    if not 20 < citizen.age < 70 or not citizen.chance(0.035):
        return
    registered = citizen.within(3 * YEAR)
    yield registered, "business.registered", {"registered": text(registered)}
    if citizen.chance(0.7):
        yield order(citizen.after(registered, 12), "tax_regime")
    if citizen.chance(0.5):
        yield order(citizen.within(360), "business_contributions", 49500)
    requested = citizen.within(80)
    if requested > registered and citizen.chance(0.9):
        yield requested, "report.requested", {"due": text(requested + 45)}
        yield citizen.after(requested, 30), "report.filed", {}
