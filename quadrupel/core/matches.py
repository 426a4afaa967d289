"""Matches and episodes: what holds for a user now, and what of it began, ended or returned.

A match is a span of days, an episode the story that it belongs to. A rule with `once_per` names
its episodes itself. An episode of any other rule is named by the day on which it began; a match
that ended and returns within some days goes on with its episode, as a span of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from quadrupel.core.verdicts import Evaluation, RuleMatch


class Match(NamedTuple):
    """A rule that holds for a user since `opened_on`.

    `shown` are the text forms of the attributes that its texts show.
    """

    rule: str
    episode: str
    opened_on: date
    shown: Mapping[str, str]


class Ended(NamedTuple):
    """The last match of a rule that ended, and the first day on which it did not hold."""

    episode: str
    closed_on: date


NOTHING_ENDED: Mapping[str, Ended] = MappingProxyType({})


def may_return(evaluation: Evaluation, open_matches: Iterable[Match]) -> list[str]:
    """The rules of which it matters when they last ended: they hold, and no match of them is open.

    A rule with `once_per` is none of them.
    """
    open_rules = {match.rule for match in open_matches}
    return [
        found.rule
        for found in evaluation.matches
        if not found.once_per and found.rule not in open_rules
    ]


def returning(
    evaluation: Evaluation,
    open_matches: Sequence[Match],
    ended: Mapping[str, Ended],
    reopen_days: int,
) -> Mapping[str, str]:
    """By rule, the episodes that ended at most so many days ago and now go on; 0: none does."""
    if not ended or not reopen_days:
        return {}
    return {
        rule: ended[rule].episode
        for rule in may_return(evaluation, open_matches)
        if rule in ended and (evaluation.as_of - ended[rule].closed_on).days <= reopen_days
    }


def holding(
    evaluation: Evaluation, open_matches: Sequence[Match], returned: Mapping[str, str]
) -> list[Match]:
    """The matches that hold now, by rule: those found, and the open ones of erring rules."""
    open_by_rule: dict[str, list[Match]] = {}
    for match in open_matches:
        open_by_rule.setdefault(match.rule, []).append(match)
    found = [
        _match(each, open_by_rule.get(each.rule, ()), evaluation.as_of, returned)
        for each in evaluation.matches
    ]
    for rule in evaluation.errors:
        found += open_by_rule.get(rule, ())
    return sorted(found, key=_key)


def _match(
    found: RuleMatch, before: Sequence[Match], as_of: date, returned: Mapping[str, str]
) -> Match:
    """The match of a rule that holds: the open one of the same episode, or a new one."""
    for match in before:
        if not found.once_per or found.once_per == match.episode:
            return Match(match.rule, match.episode, match.opened_on, found.values)
    episode = found.once_per or returned.get(found.rule) or as_of.isoformat()
    return Match(found.rule, episode, as_of, found.values)


def changes(
    open_matches: Sequence[Match], matches: Sequence[Match]
) -> tuple[Sequence[Match], tuple[Match, ...], tuple[Match, ...]]:
    """The matches that are new; those and the ones that show something else; and those that end."""
    if not open_matches:
        return matches, tuple(matches), ()
    before = {_key(match): match for match in open_matches}
    now = {_key(match): match for match in matches}
    if before == now:
        return (), (), ()
    return (
        [now[key] for key in now if key not in before],
        tuple([now[key] for key in now if before.get(key) != now[key]]),
        tuple([before[key] for key in before if key not in now]),
    )


def begun(evaluation: Evaluation, matches: Iterable[Match]) -> list[Match]:
    """The matches whose episodes this evaluation began, when it was published the first time.

    One that returned on the very day on which it began is among them: the two are one row. Its
    message has the key of the first one, so it is seen to be a repetition.
    """
    named = {found.rule: found.once_per for found in evaluation.matches}
    day = evaluation.as_of
    return [
        match
        for match in matches
        if match.opened_on == day and match.episode in (named.get(match.rule), day.isoformat())
    ]


_key = itemgetter(0, 1)
"""The rule and the episode of a match, which make it the same match."""
