"""What publish makes of an evaluation: which matches open and close, the banner set, messages.

An evaluation has a place in an order: (profile version, day, time of evaluation). An older one
never wins. One that is newer in one respect and older in the other (a night that read the profile
before the last event, an event evaluated before midnight and published after the night) is not
published either: the user is evaluated again, on the later of the two days. So it is where one that
is older by its day alone may know what nobody else will say (`_may_be_news`).

Who evaluates may have rules that are not here yet. What such a rule says waits for a later night:
once its match was open it would be new no more, and its message would never be sent.

What is published also says up to which event it contains the user's events (`Published.contains`).
That is no part of the order: a stale evaluation raises it too, since what is published knows all
that the stale one knew.

What is made once or more per user is a tuple: a frozen dataclass takes four times as long to make.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from quadrupel.core.arbitration import arbitrate
from quadrupel.core.banners import Banner
from quadrupel.core.dismissals import NOTHING_DISMISSED, Dismissed, dismissals
from quadrupel.core.guards import withheld
from quadrupel.core.matches import NOTHING_ENDED, Ended, Match, begun, changes, holding, returning
from quadrupel.core.messages import Message, MessageKey
from quadrupel.core.offers import Catalogue
from quadrupel.core.positions import Cause, Position, contains
from quadrupel.core.verdicts import NEVER_DUE, Evaluation


class Published(NamedTuple):
    """What is published of a user now. `version` is the banner set's.

    All events of the user up to `contains`, in its partition, are dealt with; None: who knows.
    `due_on` is the first day on which that can change though the profile does not. `rule_set` is
    the hash of the rules that it comes of, which may be older ones than the user was asked last:
    runs leave alone who is the same.
    """

    version: int
    profile_version: int
    as_of: date
    evaluated_at: datetime
    banners: tuple[Banner, ...]
    contains: Position | None = None
    due_on: date = date.min
    rule_set: str = ""


class Publication(NamedTuple):
    """What to write for one user, in one transaction.

    `first`: nothing was published of the user before. `opened` includes matches whose shown
    values changed. `held` are the rules that have an open match now.
    """

    user_id: str
    first: bool
    published: Published
    opened: tuple[Match, ...]
    closed: tuple[Match, ...]
    messages: tuple[Message, ...]
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stale:
    """An older evaluation: nothing to do, but to save what is published `contains` if it is news.

    None: it is known already.
    """

    user_id: str
    contains: Position | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Neither older nor newer, or of other rules for an earlier day: evaluate the user again.

    On no earlier day than `as_of`.
    """

    user_id: str
    as_of: date
    cause: Cause | None = None


def decide(
    evaluation: Evaluation,
    published: Published | None,
    open_matches: Sequence[Match],
    catalogue: Catalogue,
    ended: Mapping[str, Ended] = NOTHING_ENDED,
    reopen_days: int = 0,
    dismissed: Dismissed = NOTHING_DISMISSED,
) -> Publication | Stale | Again:
    """Decide what becomes of an evaluation. Pure, and the same again for the same evaluation.

    `ended` has, by rule, the last match that ended, at least of the rules of `may_return`. One that
    returns within `reopen_days` goes on with its episode and sends nothing; 0: none does.
    `dismissed` has the banners that the user dismissed, at least those of what holds.
    A rule that holds and that the catalogue does not have neither opens nor closes a match; the
    user is due on the next day.
    """
    if unoffered := without_offer(evaluation, catalogue):
        evaluation = replace(withheld(evaluation, unoffered), due_on=None)
    if published is not None and (refusal := _refusal(evaluation, published, open_matches)):
        return refusal
    if not evaluation.matches and not open_matches:
        return _publication(evaluation, published)  # most users: nothing holds and nothing did
    returned = returning(evaluation, open_matches, ended, reopen_days)
    return _weighed(evaluation, published, open_matches, catalogue, returned, dismissed)


def without_offer(evaluation: Evaluation, catalogue: Catalogue) -> list[str]:
    """The rules that hold and that the catalogue does not have: not yet, or no longer."""
    return [found.rule for found in evaluation.matches if found.rule not in catalogue.offers]


def _weighed(
    evaluation: Evaluation,
    published: Published | None,
    open_matches: Sequence[Match],
    catalogue: Catalogue,
    returned: Mapping[str, str],
    dismissed: Dismissed,
) -> Publication:
    """What to write of an evaluation that is not refused, with all matches compared."""
    matches = holding(evaluation, open_matches, returned)
    new, opened, closed = changes(open_matches, matches)
    repeated = published is not None and _place(evaluation) == _place(published)
    # What a repeated evaluation began is open by now, so it is known by its day and its episode.
    begin = begun(evaluation, matches) if repeated else [m for m in new if m.rule not in returned]
    shown, back_on = _undismissed(matches, dismissed, catalogue, evaluation.as_of)
    return _publication(
        evaluation,
        published,
        banners=arbitrate(evaluation.user_id, shown, catalogue),
        opened=opened,
        closed=closed,
        messages=tuple(_messages(evaluation, begin, catalogue)),
        held=tuple({match.rule: None for match in matches}),
        due=min(evaluation.due, back_on),
    )


def _undismissed(
    matches: Sequence[Match], dismissed: Dismissed, catalogue: Catalogue, as_of: date
) -> tuple[Sequence[Match], date]:
    """The matches whose banners are not dismissed, and the day on which the first other is back."""
    if not dismissed:
        return matches, NEVER_DUE
    away = dismissals(matches, dismissed, catalogue, as_of)
    back_on = min((each.until for each in away.values()), default=NEVER_DUE)
    return [match for match in matches if match.rule not in away], back_on


def _publication(
    evaluation: Evaluation,
    before: Published | None,
    banners: tuple[Banner, ...] = (),
    opened: tuple[Match, ...] = (),
    closed: tuple[Match, ...] = (),
    messages: tuple[Message, ...] = (),
    held: tuple[str, ...] = (),
    due: date | None = None,
) -> Publication:
    version = before.version if before else 0
    if before is None or banners != before.banners:
        version += 1
    after = Published(
        version,
        evaluation.profile_version,
        evaluation.as_of,
        evaluation.evaluated_at,
        banners,
        _contained(evaluation, before),
        due or evaluation.due,
        evaluation.rule_set,
    )
    return Publication(evaluation.user_id, before is None, after, opened, closed, messages, held)


def _refusal(
    evaluation: Evaluation, published: Published, open_matches: Iterable[Match]
) -> Stale | Again | None:
    newer_profile = evaluation.profile_version - published.profile_version
    later_day = (evaluation.as_of - published.as_of).days
    crossed = newer_profile * later_day < 0
    older_day_alone = newer_profile == 0 and later_day < 0
    if crossed or (older_day_alone and _may_be_news(evaluation, published, open_matches)):
        as_of = max(evaluation.as_of, published.as_of)
        return Again(evaluation.user_id, as_of, evaluation.cause)
    if _place(evaluation) < _place(published):
        contained = _contained(evaluation, published)
        news = contained if contained != published.contains else None
        return Stale(evaluation.user_id, news)
    return None


def _may_be_news(
    evaluation: Evaluation, published: Published, open_matches: Iterable[Match]
) -> bool:
    """Whether one that is older by its day alone comes of rules that the user was never asked.

    Those are of another set; or of the same, where others of them hold: one may have been released.
    Such an evaluation is of a run, which speaks of those who differ and counts as one over
    everybody, so nobody else will say it. (One that is older by its profile, or by its time alone,
    gives way to what was evaluated after its run began: plans of runs know by which rules.)

    Whom runs leave alone, because all is the same, keeps an older set, and an older day with it. So
    a later day than the run's goes with the rules of the last hours, and few are asked for nothing.
    Nobody is missed, since who is published by a set was asked all of it. The answer is for the day
    that is published, so it is no older by its day, and nobody is asked for ever.
    """
    if evaluation.rule_set != published.rule_set:
        return True
    open_rules = {match.rule for match in open_matches} - {*evaluation.errors}
    return open_rules != {found.rule for found in evaluation.matches}


def _contained(evaluation: Evaluation, published: Published | None) -> Position | None:
    """Up to which event the user is published: it only grows, until the partition is another."""
    before = published.contains if published else None
    if evaluation.cause is None or contains(before, evaluation.cause.position):
        return before
    return evaluation.cause.position


def _place(of: Evaluation | Published) -> tuple[int, date, datetime]:
    return of.profile_version, of.as_of, of.evaluated_at


def _messages(
    evaluation: Evaluation, matches: Sequence[Match], catalogue: Catalogue
) -> list[Message]:
    messages = []
    for match in matches:
        if match.rule in evaluation.errors:
            continue
        offer = catalogue.offers[match.rule]
        if not offer.reaches(evaluation.user_id):
            continue
        for channel, template in offer.messages:
            key = MessageKey(evaluation.user_id, f"rule:{match.rule}", match.episode, channel)
            messages.append(Message(key, template, match.shown))
    return messages
