"""Decide a batch of evaluations: what publish writes, and what a rehearsal counts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from quadrupel.core.dismissals import NOTHING_DISMISSED, Dismissed
from quadrupel.core.guards import withheld
from quadrupel.core.matches import NOTHING_ENDED, Ended, may_return
from quadrupel.core.offers import Catalogue
from quadrupel.core.publishing import Again, Publication, Stale, decide
from quadrupel.core.verdicts import Evaluation
from quadrupel.store import banner_feedback, published, rule_holds
from quadrupel.store.published import UserState


def heard(connection: sa.Connection, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations without what held rules say."""
    held = rule_holds.withheld(connection, {each.rule_set for each in evaluations})
    return [withheld(each, held.get(each.rule_set, ())) for each in evaluations]


def decide_all(
    connection: sa.Connection,
    evaluations: Sequence[Evaluation],
    states: Mapping[str, UserState],
    catalogue: Catalogue,
    reopen_days: int,
    own: ZoneInfo,
) -> list[Publication | Stale | Again]:
    """What becomes of each evaluation, in their order; one per user, whose state is given.

    Reads the matches that ended, where one may return, and what was dismissed, where something
    holds. `reopen_days` as in `decide`; `own` is the time zone of users who have none of their own.
    """
    ended = _ended(connection, evaluations, states, reopen_days)
    dismissed = _dismissed(connection, evaluations, states, own)
    return [
        decide(
            evaluation,
            states[evaluation.user_id].published,
            states[evaluation.user_id].open_matches,
            catalogue,
            ended.get(evaluation.user_id, NOTHING_ENDED),
            reopen_days,
            dismissed.get(evaluation.user_id, NOTHING_DISMISSED),
        )
        for evaluation in evaluations
    ]


def _ended(
    connection: sa.Connection,
    evaluations: Iterable[Evaluation],
    states: Mapping[str, UserState],
    reopen_days: int,
) -> Mapping[str, Mapping[str, Ended]]:
    """By user and rule, the last matches that ended, of the users of whom one may return.

    Those are few: in a first sweep nobody, since of who was never published none ended.
    """
    asked = [each for each in evaluations if reopen_days and _asks(each, states[each.user_id])]
    if not asked:
        return {}
    first_day = min(each.as_of for each in asked)
    since = date.fromordinal(max(1, first_day.toordinal() - reopen_days))
    return published.ended(connection, [each.user_id for each in asked], since)


def _dismissed(
    connection: sa.Connection,
    evaluations: Iterable[Evaluation],
    states: Mapping[str, UserState],
    own: ZoneInfo,
) -> Mapping[str, Dismissed]:
    """By user, the banners that were dismissed, of the users for whom a rule may hold."""
    asked = [
        each.user_id for each in evaluations if each.matches or states[each.user_id].open_matches
    ]
    return banner_feedback.dismissed(connection, asked, own)


def _asks(evaluation: Evaluation, state: UserState) -> bool:
    """Whether it matters to the evaluation which matches ended."""
    if not evaluation.matches or state.published is None:
        return False
    return bool(may_return(evaluation, state.open_matches))
