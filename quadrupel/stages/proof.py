"""The proof of a run: users who were not evaluated, because nothing of them could change, are.

They are read by rows, by the reading that runs do not use, so that what is proved is that the
deadlines were right and that both readings agree.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from quadrupel.core.guards import withheld
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Evaluation
from quadrupel.rules.row import RowReading
from quadrupel.store import published, rule_holds, samples
from quadrupel.store.database import driver, transaction, without_statement_limit
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.published import UserState

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A user of whom something else is published than the rules say on the day."""

    user_id: str
    rule: str
    says: str
    published: str
    due_on: date


@dataclass(frozen=True, slots=True)
class Proof:
    """How many users were evaluated, and where they differ."""

    users: int
    differences: tuple[Difference, ...]


def prove(
    engine: sa.Engine,
    reading: RowReading,
    store: ProfileStore,
    as_of: date,
    now: datetime,
    sample: int,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Proof:
    """Evaluate `sample` users who are not due on the day, and compare with what is published.

    Users whose profile changed since, and is about to be published, are left out, and so is what
    held rules say.
    """
    with transaction(engine) as connection:
        without_statement_limit(connection)
        chosen = _sample(connection, as_of, sample, seed)
    users, differences = 0, list[Difference]()
    for start in range(0, len(chosen), CHUNK):
        part = chosen[start : start + CHUNK]
        with transaction(engine) as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            profiles = store.read_values(connection, part)
            states = published.states(connection, part)
            held = rule_holds.withheld(connection, [reading.hash]).get(reading.hash, ())
        for profile, state in _settled(profiles, states, as_of):
            evaluation = reading.evaluation(
                profile.user_id, profile.version, profile.values, as_of, now
            )
            differences += _differences(withheld(evaluation, held), state)
            users += 1
        progress(len(part))
    return Proof(users, tuple(differences))


def _settled(
    profiles: Mapping[str, Profile], states: Mapping[str, UserState], as_of: date
) -> Iterator[tuple[Profile, UserState]]:
    for user_id, profile in profiles.items():
        state = states[user_id]
        known = state.published
        if (
            known
            and known.profile_version == profile.version
            and known.due_on > as_of >= known.as_of
        ):
            yield profile, state


def _differences(evaluation: Evaluation, state: UserState) -> Iterator[Difference]:
    """What differs between verdicts and open matches; a rule that erred changes nothing."""
    says = {match.rule: dict(match.values) for match in evaluation.matches}
    open_now = {match.rule: dict(match.shown) for match in state.open_matches}
    due_on = state.published.due_on if state.published else date.min
    for rule in sorted((says.keys() | open_now.keys()) - set(evaluation.errors)):
        if says.get(rule) != open_now.get(rule):
            said, found = _in_words(says.get(rule)), _in_words(open_now.get(rule))
            yield Difference(evaluation.user_id, rule, said, found, due_on)


def _in_words(shown: Mapping[str, str] | None) -> str:
    return "no match" if shown is None else f"match {dict(shown) or ''}".strip()


def _sample(connection: sa.Connection, as_of: date, size: int, seed: int) -> Sequence[str]:
    percent = samples.percent(connection, "published", 3 * size)
    rows = driver(connection).execute(
        "SELECT user_id FROM published TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (%(seed)s)"
        " WHERE due_on > %(as_of)s"
        " ORDER BY hashtextextended(user_id, %(seed)s) LIMIT %(size)s",
        {"percent": percent, "seed": seed, "as_of": as_of, "size": size},
    )
    return sorted(user_id for (user_id,) in rows)
