"""Publish: verdicts in; banner sets, matches and messages out, in one transaction per batch."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from quadrupel.bus import codec, message_codec
from quadrupel.core.banners import Banner
from quadrupel.core.errors import InputRefused
from quadrupel.core.exposures import News, news
from quadrupel.core.offers import Catalogue
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.positions import contains, latest
from quadrupel.core.publishing import Again, Publication, Published, Stale, without_offer
from quadrupel.core.verdicts import Evaluation
from quadrupel.core.zones import UTC_ZONE, day_of, may_have_begun
from quadrupel.stages.alarm import Alarm
from quadrupel.stages.aside import Refused, put_aside
from quadrupel.stages.decisions import decide_all, heard
from quadrupel.stages.halving import Unsaved, save_all
from quadrupel.store import banner_news, contacts, exposures, published, rule_sets
from quadrupel.store import messages as message_store
from quadrupel.store.database import transaction
from quadrupel.store.rule_numbers import RuleNumbers
from quadrupel.telemetry import (
    BANNER_SETS_CHANGED,
    EVALUATIONS_PUBLISHED,
    EVENT_TO_BANNER_SECONDS,
    MATCHES_CLOSED,
    MATCHES_OPENED,
    MATCHES_WITHOUT_OFFER,
    RULE_ERRORS,
)

NAME = "publish"

Carried = tuple[Message, Evaluation]
"""An evaluation, with the message that carried it."""

log = structlog.get_logger()


class Publish:
    """Publishes evaluations with the offers of the rule set in force.

    `catalogue` gives them when told the hashes of the rule sets that evaluated. A match that
    returns within `reopen_days` is the same episode; 0: it is a new one. `own` is the time zone of
    users who have none of their own.

    An evaluation that the database refuses is found by halving the batch, and put aside;
    `keep_alive` is called meanwhile. When most of what comes is garbage, `alarm` halts the stage.
    """

    def __init__(
        self,
        engine: sa.Engine,
        catalogue: Callable[[Collection[str]], Catalogue],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        reopen_days: int = 0,
        own: ZoneInfo = UTC_ZONE,
        alarm: Alarm | None = None,
        keep_alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._clock = clock
        self._reopen_days = reopen_days
        self._own = own
        self._alarm = alarm or Alarm(engine, NAME, "", clock)
        self._keep_alive = keep_alive
        self._numbers = RuleNumbers()
        self._marked: Mapping[str, datetime] = {}

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Save what the evaluations decide; return messages to send and users to ask again.

        Raises Halted when the messages are garbage.
        """
        carried, refused = _decode(messages)
        outgoing: list[Outgoing] = []
        with self._alarm.judging(messages) as tell:
            tell(refused)
            for part in save_all(carried, self._publish, self._keep_alive):
                if isinstance(part, Unsaved):
                    message, _ = part.event
                    error = InputRefused("database-refused", str(part.refusal))
                    refused.append((message, error))
                    tell(refused)
                else:
                    outgoing += part
        return [*outgoing, *(put_aside(NAME, *each) for each in refused)]

    def _publish(self, carried: Mapping[str, Sequence[Carried]]) -> list[Outgoing]:
        """Publish evaluations by user in one transaction; returns what others are to do."""
        evaluations, older = _newest(carried)
        now = self._clock()
        catalogue = self._catalogue({each.rule_set for each in evaluations.values()})
        with transaction(self._engine) as connection:
            states = published.lock(connection, list(evaluations))
            asked = heard(connection, list(evaluations.values()))
            decisions = decide_all(
                connection, asked, states, catalogue, self._reopen_days, self._own
            )
            publications = [each for each in decisions if isinstance(each, Publication)]
            published.save(connection, publications, now, self._numbers)
            published.save_contained(
                connection, [each for each in decisions if isinstance(each, Stale)]
            )
            if catalogue.recorded:
                exposures.record(connection, _exposed(publications, states, catalogue, now), now)
            due = message_store.record(
                connection, [message for each in publications for message in each.messages], now
            )
            repeated = _repeated([*older, *evaluations.values()], states)
            due += message_store.pending_of(connection, repeated)
            over = self._over(connection, publications)
            marked = self._mark(connection, publications, catalogue)
        self._marked = marked
        new_sets = [
            each for each in publications if _is_new_set(each, states[each.user_id].published)
        ]
        banner_news.tell(self._engine, _shown(new_sets), self._clock())
        again = [each for each in decisions if isinstance(each, Again)]
        self._observe(evaluations.values(), decisions, states)
        self._count(decisions, publications, len(new_sets))
        _count_errors(evaluations)
        _count_without_offer(asked, catalogue)
        return [
            *map(message_codec.outgoing, dict.fromkeys(due)),
            *(codec.changed_profile(each.user_id, each.as_of, each.cause) for each in again),
            *(codec.changed_profile(user_id, day) for user_id, day in over),
        ]

    def _over(
        self, connection: sa.Connection, publications: Iterable[Publication]
    ) -> list[tuple[str, date]]:
        """Who is due already as it is published, each with the day it is for the user.

        The day on which they are due began after they were evaluated. Its night, which goes by what
        is published, may have passed them by meanwhile.
        """
        now = self._clock()
        states = {each.user_id: each.published for each in publications}
        due = {
            user_id: state.due_on
            for user_id, state in states.items()
            if may_have_begun(state.due_on, state.evaluated_at, now)
        }
        zones = contacts.zones_of(connection, [*due]) if due else {}
        today = {zone: day_of(zone, self._own, now) for zone in {None, *zones.values()}}
        days = {user_id: today[zones.get(user_id)] for user_id in due}
        return [(user_id, day) for user_id, day in days.items() if due[user_id] <= day]

    def _mark(
        self,
        connection: sa.Connection,
        publications: Sequence[Publication],
        catalogue: Catalogue,
    ) -> Mapping[str, datetime]:
        """Say by which rule sets something is published, for the plans of runs; when it was said.

        That is the last of a transaction, since other publishers wait for its end to say it too.
        """
        now = self._clock()
        sets = {each.published.rule_set for each in publications}
        if publications and catalogue.rule_set:
            sets.add(catalogue.rule_set)  # by which the banners were weighed
        marked = {each: at for each, at in self._marked.items() if now - at < rule_sets.MARK_EVERY}
        if new := sets - marked.keys():
            rule_sets.mark_published(connection, new, now)
        return marked | dict.fromkeys(new, now)

    def _observe(
        self,
        evaluations: Iterable[Evaluation],
        decisions: Iterable[Publication | Stale | Again],
        states: Mapping[str, published.UserState],
    ) -> None:
        """The time from the bus to the banner set, of each event that came into it just now."""
        now = self._clock()
        for evaluation, decision in zip(evaluations, decisions, strict=True):
            cause, before = evaluation.cause, states[evaluation.user_id].published
            if cause is None or isinstance(decision, Again):
                continue
            after = decision.published if isinstance(decision, Publication) else decision
            known = before is not None and contains(before.contains, cause.position)
            if contains(after.contains, cause.position) and not known:
                seconds = (now - cause.arrived_at).total_seconds()
                EVENT_TO_BANNER_SECONDS.observe(seconds)

    @staticmethod
    def _count(
        decisions: Iterable[Publication | Stale | Again],
        publications: Sequence[Publication],
        new_sets: int,
    ) -> None:
        for outcome, number in Counter(map(type, decisions)).items():
            EVALUATIONS_PUBLISHED.labels(outcome.__name__.lower()).inc(number)
        BANNER_SETS_CHANGED.inc(new_sets)
        for matches, metric in (
            ((match for each in publications for match in each.opened), MATCHES_OPENED),
            ((match for each in publications for match in each.closed), MATCHES_CLOSED),
        ):
            for rule, number in Counter(match.rule for match in matches).items():
                metric.labels(rule).inc(number)


def _is_new_set(publication: Publication, before: Published | None) -> bool:
    return before is None or before.version != publication.published.version


def _exposed(
    publications: Iterable[Publication],
    states: Mapping[str, published.UserState],
    catalogue: Catalogue,
    now: datetime,
) -> News:
    """What these publications add to exposures."""

    def before(publication: Publication) -> Sequence[Banner]:
        known = states[publication.user_id].published
        return known.banners if known else ()

    return news([(each, before(each)) for each in publications], catalogue, now)


def _shown(new_sets: Iterable[Publication]) -> dict[str, int]:
    """The versions of new sets by user, without those of users who are shown nothing as before."""
    return {
        each.user_id: each.published.version
        for each in new_sets
        if each.published.banners or not each.first
    }


def _decode(messages: Iterable[Message]) -> tuple[dict[str, list[Carried]], list[Refused]]:
    """The evaluations of a batch by user, in the order of users; and what cannot be read."""
    carried: defaultdict[str, list[Carried]] = defaultdict(list)
    refused: list[Refused] = []
    for message in messages:
        try:
            evaluation = codec.read_verdicts(message)
        except InputRefused as error:
            refused.append((message, error))
        else:
            carried[evaluation.user_id].append((message, evaluation))
    return dict(sorted(carried.items())), refused


def _newest(
    carried: Mapping[str, Sequence[Carried]],
) -> tuple[dict[str, Evaluation], list[Evaluation]]:
    """The last evaluation of each user, by user id, and the older ones.

    It follows from all events that the others followed from, so it takes over the latest cause.
    """
    newest: dict[str, Evaluation] = {}
    older: list[Evaluation] = []
    for user_id, [(_, first), *others] in carried.items():
        newest[user_id] = first
        for _, evaluation in others:
            known = newest[user_id]
            newest[user_id] = _newer(known, evaluation)
            older.append(min(known, evaluation, key=_order))
    return newest, older


def _repeated(
    evaluations: Iterable[Evaluation], states: Mapping[str, published.UserState]
) -> Collection[str]:
    """The users of whom an evaluation was published before, or a newer one.

    That may have been done by a worker that then died: messages were recorded and never came to the
    bus. What is decided now may know nothing of them: of an older evaluation that comes with a
    newer one; of a rule that is held, or is not here, since the worker died.
    """
    return {
        each.user_id
        for each in evaluations
        if (known := states[each.user_id].published) is not None
        and _order(each) <= (known.profile_version, known.as_of, known.evaluated_at)
    }


def _newer(one: Evaluation, other: Evaluation) -> Evaluation:
    return replace(max(other, one, key=_order), cause=latest(one.cause, other.cause))


def _order(evaluation: Evaluation) -> tuple[int, date, datetime]:
    return evaluation.profile_version, evaluation.as_of, evaluation.evaluated_at


def _count_errors(evaluations: Mapping[str, Evaluation]) -> None:
    for evaluation in evaluations.values():
        for rule in evaluation.errors:
            RULE_ERRORS.labels(rule).inc()
            log.error("rule erred", rule=rule, user=evaluation.user_id, as_of=str(evaluation.as_of))


def _count_without_offer(asked: Iterable[Evaluation], catalogue: Catalogue) -> None:
    found = Counter(rule for each in asked for rule in without_offer(each, catalogue))
    if found:
        MATCHES_WITHOUT_OFFER.inc(found.total())
        log.warning("evaluated by rules that are not here, what they say waits", rules=[*found])
