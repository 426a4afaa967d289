"""The proof of a run: users who were not evaluated, because nothing of them could change, are.

They are read by rows, by the reading that runs do not use, so that what is proved is that the
deadlines were right and that both readings agree. Their banner sets are decided anew as publish
would, so that what is proved too is that these are what follows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from quadrupel.core.banners import Banner
from quadrupel.core.offers import Catalogue
from quadrupel.core.profiles import Profile
from quadrupel.core.publishing import Again, Publication, Stale
from quadrupel.core.verdicts import Evaluation
from quadrupel.rules.row import RowReading
from quadrupel.stages.decisions import decide_all, heard
from quadrupel.store import published, samples
from quadrupel.store.database import driver, transaction, without_statement_limit
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.published import UserState

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A user of whom something else is published than the rules say on the day.

    What a rule `says` and what is `published` are matches; where those agree, banners.
    """

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


@dataclass(frozen=True, slots=True)
class Anew:
    """What evaluates and decides users anew: by the reading of the rules and by their offers.

    `own` is the time zone of users who have none of their own.
    """

    reading: RowReading
    store: ProfileStore
    catalogue: Catalogue
    own: ZoneInfo


def prove(
    engine: sa.Engine,
    anew: Anew,
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
            settled, found = _compare(connection, anew, part, as_of, now)
        users += settled
        differences += found
        progress(len(part))
    return Proof(users, tuple(differences))


def _compare(
    connection: sa.Connection, anew: Anew, users: Sequence[str], as_of: date, now: datetime
) -> tuple[int, list[Difference]]:
    """How many of the users are settled, and where these differ."""
    profiles = anew.store.read_values(connection, users)
    states = published.states(connection, users)
    told = [
        anew.reading.evaluation(each.user_id, each.version, each.values, as_of, now)
        for each in _settled(profiles, states, as_of)
    ]
    evaluations = heard(connection, told)
    # Which matches ended matters to new ones alone, and these differ anyway.
    decisions = decide_all(connection, evaluations, states, anew.catalogue, 0, anew.own)
    differences = list[Difference]()
    for evaluation, decision in zip(evaluations, decisions, strict=True):
        state = states[evaluation.user_id]
        differences += _matches(evaluation, state) or _banners(decision, state)
    return len(evaluations), differences


def _settled(
    profiles: Mapping[str, Profile], states: Mapping[str, UserState], as_of: date
) -> Iterator[Profile]:
    for user_id, profile in profiles.items():
        known = states[user_id].published
        if (
            known
            and known.profile_version == profile.version
            and known.due_on > as_of >= known.as_of
        ):
            yield profile


def _matches(evaluation: Evaluation, state: UserState) -> list[Difference]:
    """What differs between verdicts and open matches; a rule that erred changes nothing."""
    says = {match.rule: _match(match.values) for match in evaluation.matches}
    open_now = {match.rule: _match(match.shown) for match in state.open_matches}
    for rule in evaluation.errors:
        says.pop(rule, None)
        open_now.pop(rule, None)
    return _differences(evaluation.user_id, state, "no match", says, open_now)


def _match(shown: Mapping[str, str]) -> str:
    return f"match {_shown(shown)}".strip()


def _shown(values: Mapping[str, str]) -> str:
    """The values by name: a rule gives them in another order than the database gives them back."""
    return str(dict(sorted(values.items())) or "")


def _banners(decision: Publication | Stale | Again, state: UserState) -> list[Difference]:
    """What differs between the set that publish would write and the one that is published.

    A place in the set is told where both have the same banners: else all behind would differ.
    """
    if state.published is None or not isinstance(decision, Publication):
        return []
    known = state.published.banners
    without_episode = {each.rule for each in known if not each.episode}
    decided = [
        each._replace(episode="") if each.rule in without_episode else each
        for each in decision.published.banners
    ]
    same = {each.rule for each in known} == {each.rule for each in decided}
    says, shown = _banner_words(decided, placed=same), _banner_words(known, placed=same)
    return _differences(decision.user_id, state, "no banner", says, shown)


def _banner_words(banners: Sequence[Banner], *, placed: bool) -> dict[str, str]:
    words = {}
    for place, each in enumerate(banners, 1):
        parts = ["banner", f"{place}" if placed else "", _shown(each.shown)]
        parts += [f"of {each.episode}" if each.episode else ""]
        parts += [f"on {', '.join(each.clients)}" if each.clients else ""]
        words[each.rule] = " ".join(part for part in parts if part)
    return words


def _differences(
    user_id: str, state: UserState, none: str, says: Mapping[str, str], found: Mapping[str, str]
) -> list[Difference]:
    """The rules of which one says another thing than was found, in words; `none` for nothing."""
    due_on = state.published.due_on if state.published else date.min
    pairs = {rule: (says.get(rule, none), found.get(rule, none)) for rule in {*says, *found}}
    return [
        Difference(user_id, rule, said, was, due_on)
        for rule, (said, was) in sorted(pairs.items())
        if said != was
    ]


def _sample(connection: sa.Connection, as_of: date, size: int, seed: int) -> Sequence[str]:
    percent = samples.percent(connection, "published", 3 * size)
    rows = driver(connection).execute(
        "SELECT user_id FROM published TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (%(seed)s)"
        " WHERE due_on > %(as_of)s"
        " ORDER BY hashtextextended(user_id, %(seed)s) LIMIT %(size)s",
        {"percent": percent, "seed": seed, "as_of": as_of, "size": size},
    )
    return sorted(user_id for (user_id,) in rows)
