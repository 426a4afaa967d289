"""An audience, page by page: whom a mailing reaches, and what its template shows each of them.

Users come in the order of their ids, so that the last one looked at says where to go on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from quadrupel.core.attributes import ADDITIVE, Schema
from quadrupel.core.contacts import obstacle
from quadrupel.core.errors import NotFound
from quadrupel.core.mailings import Audience, Mailing
from quadrupel.core.profiles import Profile
from quadrupel.core.refusals import MAILINGS, is_refused
from quadrupel.core.values import Value, to_text
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.predicate import Predicate, parse_expression
from quadrupel.rules.problems import suggest
from quadrupel.rules.row import predicate_reading
from quadrupel.store import contacts, erasure, mailings, refusals
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

PAGE = 2_000

Values = Mapping[str, Value]
Holds = Callable[[Values], bool]
Users = Callable[[str | None, int], Sequence[str]]
"""The users after one, in the order of their ids, so many at most."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user of the audience, and the text forms of what the template shows."""

    user_id: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some users that were looked at, up to and including `last`, and those of the audience.

    `incomplete` are in the audience too, but lack a value that the template shows.
    """

    last: str
    looked_at: int
    recipients: Sequence[Recipient]
    incomplete: int


Pages = Callable[[str | None], Iterator[Page]]
"""The pages after a user, or from the start."""


@dataclass(slots=True)
class Survey:
    """What an audience comes to. `obstacles` counts recipients who cannot be sent to, by reason."""

    recipients: int = 0
    incomplete: int = 0
    obstacles: dict[str, int] = field(default_factory=dict)
    samples: list[Recipient] = field(default_factory=list)

    @property
    def reachable(self) -> int:
        """How many will really be sent to, as things are now."""
        return self.recipients - sum(self.obstacles.values())


def matching(engine: sa.Engine, schema: Schema, holds: Holds, shown: Sequence[str]) -> Pages:
    """The users whose profile meets a condition."""
    store = ProfileStore(schema)

    def pages(after: str | None) -> Iterator[Page]:
        while True:
            with transaction(engine) as connection:
                found = store.page(connection, after or "", None, PAGE, inclusive=False)
            if not found:
                return
            after = found[-1].user_id
            held = [(each.user_id, each.values) for each in found if holds(each.values)]
            yield _page(after, len(found), held, schema, shown)

    return pages


def listed(engine: sa.Engine, schema: Schema, users: Users, shown: Sequence[str]) -> Pages:
    """The users of a list, whether they have a profile or not, but for erased ones."""
    store = ProfileStore(schema)

    def pages(after: str | None) -> Iterator[Page]:
        while found := users(after, PAGE):
            known: Mapping[str, Profile] = {}
            with transaction(engine) as connection:
                gone = erasure.erased_of(connection, found)
                if shown:
                    known = store.read_values(connection, found)
            after = found[-1]
            held = [user for user in found if user not in gone]
            values = [(user, known[user].values if user in known else {}) for user in held]
            yield _page(after, len(found), values, schema, shown)

    return pages


def open_audience(
    engine: sa.Engine, rules: RuleSet, mailing: Mailing, shown: Sequence[str]
) -> Pages:
    """The audience of a mailing. Raises NotFound for its rule, DeclarationRefused otherwise."""
    if mailing.audience.users:

        def users(after: str | None, limit: int) -> list[str]:
            with transaction(engine) as connection:
                return mailings.users(connection, mailing.name, after, limit)

        return listed(engine, rules.schema, users, shown)
    verdict = predicate_reading(_predicate(rules, mailing.audience))

    def holds(values: Values) -> bool:
        return verdict(values, mailing.as_of) is Verdict.MATCH

    return matching(engine, rules.schema, holds, shown)


def survey(
    engine: sa.Engine,
    pages: Iterator[Page],
    channel: str,
    samples: int = 0,
    on_page: Callable[[int], None] = lambda _: None,
) -> Survey:
    """Count an audience and keep a few samples; `on_page` is told how many users were looked at."""
    found = Survey()
    for page in pages:
        found.recipients += len(page.recipients)
        found.incomplete += page.incomplete
        _count_obstacles(engine, page, channel, found.obstacles)
        found.samples += page.recipients[: samples - len(found.samples)]
        on_page(page.looked_at)
    return found


def _count_obstacles(engine: sa.Engine, page: Page, channel: str, counts: dict[str, int]) -> None:
    users = [recipient.user_id for recipient in page.recipients]
    with transaction(engine) as connection:
        known = contacts.find(connection, users)
        refused = {
            each.user_id: each
            for each in contacts.suppressed(connection, users)
            if each.channel == channel
        }
        unwanted = refusals.kinds(refusals.find(connection, users), channel)
    for user in users:
        refuses = is_refused(MAILINGS, unwanted.get(user, ()))
        reason = obstacle(channel, known.get(user), refused.get(user), refused=refuses)
        if reason is not None:
            short = reason.partition(":")[0]
            counts[short] = counts.get(short, 0) + 1


def _predicate(rules: RuleSet, audience: Audience) -> Predicate:
    if audience.rule is not None:
        rule = rules.rules.get(audience.rule)
        if rule is None:
            hint = suggest(audience.rule, rules.rules, "there are ")
            raise NotFound(f"there is no rule {audience.rule}; {hint or 'the folder has none'}")
        return rule.predicate
    return parse_expression(audience.expression or "", rules.schema, rules.holidays)


def _page(
    last: str,
    looked_at: int,
    held: Sequence[tuple[str, Values]],
    schema: Schema,
    shown: Sequence[str],
) -> Page:
    texts = [(user_id, _texts(values, schema, shown)) for user_id, values in held]
    recipients = [Recipient(user_id, each) for user_id, each in texts if each is not None]
    return Page(last, looked_at, recipients, len(held) - len(recipients))


def _texts(values: Values, schema: Schema, shown: Sequence[str]) -> dict[str, str] | None:
    """What is shown of a profile; None if some of it is not known."""
    texts = {}
    for name in shown:
        value = values.get(name)
        if value is None and schema[name].feeds[0].operation in ADDITIVE:
            value = 0
        if value is None:
            return None
        texts[name] = to_text(value)
    return texts
