"""The rehearsal of a run: what it would change, rule by rule, while it writes nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import islice
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from quadrupel.core.guards import withheld
from quadrupel.core.offers import Catalogue
from quadrupel.core.publishing import Publication
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.verdicts import Evaluation
from quadrupel.rules.page_reading import PageRead
from quadrupel.stages.decisions import decide_all
from quadrupel.stages.pages import Pages
from quadrupel.store import published, rule_holds
from quadrupel.store.database import transaction
from quadrupel.store.range_pages import Part
from quadrupel.store.run_users import due_days

PAGE_SIZE = 20_000
CHUNK = 2_000
"""How many users' published states are read at once."""


@dataclass(slots=True)
class Changes:
    """What a run would change: counts of users, and by rule of matches, and by channel of messages.

    `users` were evaluated, `changed` of them would get another banner set, matches or messages.
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
    with transaction(engine) as connection:
        held = rule_holds.silent(connection, pages.rule_set.identities) | {*objected}
    for read in _pages(engine, pages, plan, as_of, now, held):
        changes.users += read.counts.evaluated
        changes.errors.update({rule: each.errors for rule, each in read.counts.rules.items()})
        evaluations = iter(read.evaluations)
        while chunk := list(islice(evaluations, CHUNK)):
            heard = [withheld(each, held) for each in chunk]
            _count(engine, changes, heard, catalogue, reopen_days, own)
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
    engine: sa.Engine,
    changes: Changes,
    evaluations: Sequence[Evaluation],
    catalogue: Catalogue,
    reopen_days: int,
    own: ZoneInfo,
) -> None:
    with transaction(engine) as connection:
        states = published.states(connection, [each.user_id for each in evaluations])
        decisions = decide_all(connection, evaluations, states, catalogue, reopen_days, own)
    for decision in decisions:
        if isinstance(decision, Publication):
            changes.add(decision, states[decision.user_id])
