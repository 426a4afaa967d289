"""The rehearsal of a run: what it would change, rule by rule, while it writes nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import islice
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from quadrupel.core.guards import withheld
from quadrupel.core.offers import Catalogue
from quadrupel.core.publishing import Again, Publication, Stale
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.verdicts import Evaluation
from quadrupel.core.zones import day_of
from quadrupel.rules.page_reading import PageRead
from quadrupel.rules.row import RowReading
from quadrupel.stages.decisions import decide_all
from quadrupel.stages.pages import Pages
from quadrupel.stages.proof import Anew
from quadrupel.store import published, rule_holds
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.range_pages import Part
from quadrupel.store.run_users import due_days

PAGE_SIZE = 20_000
CHUNK = 2_000
"""How many users' published states are read at once."""


@dataclass(slots=True)
class Changes:
    """What a run would change: counts of users, and by rule of matches, and by channel of messages.

    `users` were evaluated, `changed` of them would get another banner set, matches or messages.
    Those who would be asked at once, on a later day that is published of them, change by that.
    """

    users: int = 0
    changed: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)

    def add(self, publication: Publication, state: published.UserState) -> None:
        """Count what one publication would change."""
        before = {(match.rule, match.episode) for match in state.open_matches}
        opened = [each for each in publication.opened if (each.rule, each.episode) not in before]
        self.opened.update(match.rule for match in opened)
        self.closed.update(match.rule for match in publication.closed)
        self.messages.update(message.key.channel for message in publication.messages)
        same = state.published and state.published.banners == publication.published.banners
        if not same or publication.opened or publication.closed:
            self.changed += 1


def rehearse(
    engine: sa.Engine,
    pages: Pages,
    catalogue: Catalogue,
    plan: RunPlan,
    as_of: date,
    now: datetime,
    progress: Callable[[int], None] = lambda _: None,
    reopen_days: int = 0,
    objected: Collection[str] = (),
    *,
    own: ZoneInfo,
) -> Changes:
    """Evaluate the users of a plan, and count what would be published.

    Memory does not grow with the users. `progress` is told how many more were read. `reopen_days`
    and `own` as for publish. What held rules say changes nothing, nor what those say that would be
    `objected` to. A message whose episode `once_per` names is counted here although a run would see
    that it was sent before.
    """
    changes = Changes()
    schema = pages.rule_set.schema
    anew = Anew(RowReading(pages.rule_set), ProfileStore(schema), catalogue, own)
    with transaction(engine) as connection:
        held = rule_holds.silent(connection, pages.rule_set.identities) | {*objected}
    for read in _pages(engine, pages, plan, as_of, now, held):
        changes.users += read.counts.evaluated
        changes.errors.update({rule: each.errors for rule, each in read.counts.rules.items()})
        evaluations = iter(read.evaluations)
        while chunk := list(islice(evaluations, CHUNK)):
            with transaction(engine) as connection:
                _count(connection, changes, chunk, anew, held, reopen_days, now)
        progress(read.counts.evaluated)
    return changes


def _pages(
    engine: sa.Engine,
    pages: Pages,
    plan: RunPlan,
    as_of: date,
    now: datetime,
    held: Collection[str],
) -> Iterator[PageRead]:
    def read(ask: Callable[[sa.Connection], pl.DataFrame]) -> pl.DataFrame:
        with transaction(engine) as connection:
            return ask(connection)

    part = Part()
    asked = pages.of_changed(plan.changed, read) if plan.kind is RunKind.RULES else pages
    if plan.kind is RunKind.DUE:
        with transaction(engine) as connection:
            part = Part(due=tuple(due_days(connection, as_of)))
    while not (page := read(partial(asked.page, part=part, size=PAGE_SIZE))).is_empty():
        yield asked.read(page, as_of, now, plan.changed, held)
        part = part.after(page["user_id"][-1])


def _count(
    connection: sa.Connection,
    changes: Changes,
    evaluations: Sequence[Evaluation],
    anew: Anew,
    held: Collection[str],
    reopen_days: int,
    now: datetime,
) -> None:
    states = published.states(connection, [each.user_id for each in evaluations])

    def decided(told: Sequence[Evaluation]) -> list[Publication | Stale | Again]:
        heard = [withheld(each, held) for each in told]
        return decide_all(connection, heard, states, anew.catalogue, reopen_days, anew.own)

    decisions = decided(evaluations)
    again = {each.user_id: each.as_of for each in decisions if isinstance(each, Again)}
    if again:
        decisions += decided(_asked_again(connection, again, anew, now))
    for decision in decisions:
        if isinstance(decision, Publication):
            changes.add(decision, states[decision.user_id])


def _asked_again(
    connection: sa.Connection, days: Mapping[str, date], anew: Anew, now: datetime
) -> list[Evaluation]:
    """What is said of users who are asked at once, on the day it is for each, or a later one."""
    return [
        anew.reading.evaluation(
            profile.user_id,
            profile.version,
            profile.values,
            max(day_of(zone, anew.own, now), days[profile.user_id]),
            now,
        )
        for profile, zone in anew.store.read_with_zones(connection, [*days])
    ]
