"""Warnings about banners: what is declared rightly and is never shown, or not as it is meant.

a placement in which nothing is placed
a rule that gives way to another one whenever it matches
more rules that must be shown than their placement has room for
how long one stays away that cannot be dismissed
a story or an exclusive group of a single rule, whose name is often misspelt
what is tried and cannot be told from anything, or a goal that no event of the profile tells
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.identity import canonical
from quadrupel.rules.placements import Placement
from quadrupel.rules.problems import Problem, suggest
from quadrupel.rules.rule import Banner, Rule


class _Placed(NamedTuple):
    rule: Rule
    banner: Banner


def warnings(rule_set: RuleSet, placements_path: str) -> list[Problem]:
    """What is to be said of the banners of a rule set, by file.

    `placements_path` is where its placements are declared.
    """
    placed = [_Placed(rule, rule.banner) for rule in rule_set.rules.values() if rule.banner]
    found: list[Problem] = []
    for placement in rule_set.placements.values():
        here = [each for each in placed if each.banner.placement == placement.name]
        found += _placement(placement, here, placements_path)
    for each in placed:
        found += _must_show(each)
    for word in ("story", "exclusive"):
        found += _groups(word, placed)
    events = {feed.event for each in rule_set.schema.attributes.values() for feed in each.feeds}
    for rule in rule_set.rules.values():
        found += _tried(rule, events)
    return sorted(found)


def _placement(placement: Placement, here: Sequence[_Placed], path: str) -> Iterator[Problem]:
    if not here and placement.fallback is None:
        message = f"{placement.name} shows nothing: no rule is placed there"
        yield _problem(path, message, "place a banner there, or give it a fallback")
    musts = [each.rule.id for each in here if each.banner.must_show and not each.rule.shadow]
    crowded = {client: limit for client, limit in placement.limits.items() if limit < len(musts)}
    for client, limit in list(crowded.items())[:1]:
        message = (
            f"{placement.name} has room for {limit} on {client}, and {len(musts)} must be shown"
        )
        yield _problem(path, f"{message} there: {', '.join(musts)}")


def _must_show(placed: _Placed) -> Iterator[Problem]:
    rule = placed.rule
    if placed.banner.must_show and rule.shadow:
        yield _problem(rule.path, "must be shown, and is shown to nobody: it is in shadow")
    elif placed.banner.must_show and rule.share < 1:
        message = f"must be shown, and is shown to a share of {rule.share:.4g} only"
        yield _problem(rule.path, message, "remove share or must_show")
    if placed.banner.must_show and placed.banner.dismiss_for is not None:
        message = "must be shown, so nobody can dismiss it"
        yield _problem(rule.path, message, "remove dismiss_for or must_show")


def _tried(rule: Rule, events: Collection[str]) -> Iterator[Problem]:
    """Of experiments; `events` are those that the profile is fed by."""
    if rule.control and rule.goal is None:
        message = "has a control group and no goal, so there is nothing to compare it by"
        yield _problem(rule.path, message, 'goal = "..." names the event that the rule is for')
    if rule.shadow and rule.is_experiment:
        yield _problem(
            rule.path, "is in shadow, so nothing is tried", "remove shadow when it begins"
        )
    if rule.goal is not None and rule.goal.event not in events:
        message = f"its goal is {rule.goal.event}, an event that no attribute is fed by"
        yield _problem(rule.path, message, suggest(rule.goal.event, events))


def _groups(word: str, placed: Sequence[_Placed]) -> Iterator[Problem]:
    """Of stories or exclusive groups, by the word that names them."""
    named: dict[str, list[_Placed]] = defaultdict(list)
    for each in placed:
        if (name := getattr(each.banner, word)) is not None:
            named[name].append(each)
    for name, members in named.items():
        if len(members) == 1:
            message = f'has {word}="{name}", which no other rule has'
            yield _problem(members[0].rule.path, message, suggest(name, named.keys() - {name}))
        for pair in combinations(members, 2):
            higher, lower = sorted(pair, key=lambda each: each.banner.rank, reverse=True)
            if _always_gives_way(word, lower, higher):
                message = f"gives way whenever it matches: {higher.rule.id} matches just then"
                yield _problem(lower.rule.path, message, f'both have {word}="{name}"')


def _always_gives_way(word: str, lower: _Placed, higher: _Placed) -> bool:
    """Whether one of a group is shown to nobody who is not without the other."""
    if lower.banner.must_show or higher.rule.shadow or higher.rule.share < 1:
        return False
    if word == "exclusive" and lower.banner.placement != higher.banner.placement:
        return False  # there may be no room for the other
    return canonical(lower.rule.predicate.tree) == canonical(higher.rule.predicate.tree)


def _problem(path: str, message: str, hint: str = "") -> Problem:
    return Problem(path, 0, 0, message, hint)
