"""How fast rules are read: `make bench-rules`, `ARGS="--profiles 20000"` for a quick look.

The figures are evaluations a second (one rule for one profile) over those of the shipped rules that
ZEN and CEL can express too, the same for all, on the same profiles, one after the other in one run.
The peers are slow, so they read the first of the profiles only. The anchor is the faster of ZEN's
two ways to read rules for a profile that is given once. What profiles look like in memory for each
engine (a dict of values, a frame, a context) is prepared beforehand and not counted.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import zen
from cel_expr_python import cel
from peers import NotExpressible, Translation
from rich.console import Console
from rich.table import Table

from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.population import events
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import ColumnarReading, frame_of
from quadrupel.rules.deadline import DeadlineReading
from quadrupel.rules.explain import explain
from quadrupel.rules.row import RowReading

RULES = Path(__file__).parents[1] / "rules"
TODAY = date(2026, 11, 23)
PEER_PROFILES = 2_000
REPEATS = 3


@dataclass(frozen=True)
class Measured:
    """One line of the table: what was read how fast, and how many matches were found."""

    name: str
    profiles: int
    rules: int
    seconds: float
    matches: int | None = None

    @property
    def rate(self) -> float:
        return self.profiles * self.rules / self.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=200_000)
    arguments = parser.parse_args()
    whole = catalogue.load(RULES)
    shared, translations = expressible(whole)
    profiles = population(arguments.profiles, whole)
    sample = profiles[:PEER_PROFILES]
    peers = [
        *zen_ways(translations["zen"], sample),
        cel_expressions(translations["cel"], sample),
    ]
    anchor = min(peers[:2], key=lambda each: each.seconds)
    ours = [row(shared, profiles, "row"), columnar(shared, profiles, "columnar")]
    check_agreement(shared, sample, peers)
    others = [
        row(whole, profiles, "row, all rules"),
        columnar(whole, profiles, "columnar, all rules"),
        deadlines(whole, profiles[: 10 * PEER_PROFILES]),
        explanations(whole, profiles[:100]),
    ]
    print_table(shared, whole, [*peers, *ours, *others])
    figures = [
        figure("row", ours[0], anchor, 30),
        figure("columnar", ours[1], anchor, 500),
        *(plain(each) for each in [*peers, *others]),
    ]
    print(json.dumps({"bench": "rules", "figures": figures}))


def expressible(whole: RuleSet) -> tuple[RuleSet, Mapping[str, Translation]]:
    """The rules that all engines can read, and their expressions."""
    translations = {language: Translation(language) for language in ("zen", "cel")}
    shared = {}
    for rule in whole.rules.values():
        try:
            for translation in translations.values():
                translation.add(rule.id, rule.predicate, TODAY)
        except NotExpressible:
            continue
        shared[rule.id] = rule
    return replace(whole, rules=shared), translations


def population(size: int, rule_set: RuleSet) -> list[Profile]:
    """Synthetic citizens, by the events that made them."""
    feeds, profiles = Feeds(rule_set.schema), []
    for user_id, facts in groupby(events(size, 1, TODAY), key=lambda event: event.subject):
        profile = Profile(user_id)
        fold(profile, arrived(facts, TODAY), feeds)
        profiles.append(profile)
    return profiles


def fastest(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the fastest of some runs, and what it gave."""
    best, result = float("inf"), None
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def row(rule_set: RuleSet, profiles: Sequence[Profile], name: str) -> Measured:
    evaluate, values = RowReading(rule_set).evaluate, [each.values for each in profiles]
    seconds, found = fastest(lambda: sum(len(evaluate(each, TODAY).matches) for each in values))
    return Measured(name, len(profiles), len(rule_set.rules), seconds, found)


def columnar(rule_set: RuleSet, profiles: Sequence[Profile], name: str) -> Measured:
    reading = ColumnarReading(rule_set)
    frame = frame_of(profiles, reading.columns)
    seconds, verdicts = fastest(lambda: reading.evaluate(frame, TODAY))
    matches = verdicts.select(pl.sum_horizontal((pl.all() == 1).sum())).item()
    return Measured(name, len(profiles), len(rule_set.rules), seconds, matches)


def zen_ways(translation: Translation, sample: Sequence[Profile]) -> list[Measured]:
    """One decision for all rules; an expression per rule; and the latter with its own inputs.

    The last is given, for every rule, a context of its inputs alone, cut out beforehand: as no
    reading of ours is given that, it is shown and is not the anchor.
    """
    contexts = [translation.context(profile) for profile in sample]
    rules = translation.expressions
    decision = zen.ZenEngine().create_decision(json.dumps(zen_decision(rules)))
    compiled = {rule: zen.compile_expression(text) for rule, text in rules.items()}
    used = {rule: [name for name in contexts[0] if name in text] for rule, text in rules.items()}
    narrow = [
        [(compiled[rule], {name: context[name] for name in used[rule]}) for rule in rules]
        for context in contexts
    ]
    ways: Mapping[str, Callable[[], int]] = {
        "ZEN, one decision": lambda: sum(
            sum(answer is True for answer in decision.evaluate(context)["result"].values())
            for context in contexts
        ),
        "ZEN, expressions": lambda: sum(
            rule.evaluate(context) is True for context in contexts for rule in compiled.values()
        ),
        "ZEN, inputs cut out": lambda: sum(
            rule.evaluate(own) is True for user in narrow for rule, own in user
        ),
    }
    return [Measured(name, len(sample), len(rules), *fastest(way)) for name, way in ways.items()]


def zen_decision(rules: Mapping[str, str]) -> Mapping[str, Any]:
    expressions = [{"id": rule, "key": rule, "value": text} for rule, text in rules.items()]
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {
            "id": "rules",
            "type": "expressionNode",
            "name": "rules",
            "content": {"expressions": expressions},
        },
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    edges = [
        {"id": "1", "sourceId": "in", "targetId": "rules", "type": "edge"},
        {"id": "2", "sourceId": "rules", "targetId": "out", "type": "edge"},
    ]
    return {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}


def cel_expressions(translation: Translation, sample: Sequence[Profile]) -> Measured:
    """Google's CEL in C++: one activation per profile, one compiled expression per rule."""
    contexts = [translation.context(profile) for profile in sample]
    environment = cel.NewEnv(variables=dict.fromkeys(contexts[0], cel.Type.DYN))
    compiled = [environment.compile(text) for text in translation.expressions.values()]

    def work() -> int:
        matches = 0
        for context in contexts:
            activation = environment.Activation(context)
            matches += sum(rule.eval(activation).value() is True for rule in compiled)
        return matches

    seconds, found = fastest(work)
    return Measured("CEL", len(sample), len(compiled), seconds, found)


def deadlines(rule_set: RuleSet, profiles: Sequence[Profile]) -> Measured:
    earliest = DeadlineReading(rule_set).earliest
    seconds, _ = fastest(lambda: [earliest(profile.values, TODAY) for profile in profiles])
    return Measured("deadlines, all rules", len(profiles), len(rule_set.rules), seconds)


def explanations(rule_set: RuleSet, profiles: Sequence[Profile]) -> Measured:
    rules = list(rule_set.rules)[:10]
    seconds, _ = fastest(
        lambda: [explain(rule_set, rule, each, TODAY) for each in profiles for rule in rules]
    )
    return Measured("explain", len(profiles), len(rules), seconds)


def check_agreement(
    rule_set: RuleSet, sample: Sequence[Profile], peers: Sequence[Measured]
) -> None:
    """All engines find the same matches in the sample: they did the same work."""
    expected = row(rule_set, sample, "").matches
    for peer in peers:
        if peer.matches != expected:
            raise SystemExit(f"{peer.name} found {peer.matches} matches, the rows {expected}")


def figure(name: str, ours: Measured, anchor: Measured, goal: int) -> Mapping[str, Any]:
    ratio = round(ours.rate / anchor.rate, 1)
    return {
        **plain(ours),
        "name": name,
        "anchor": "zen",
        "anchor_value": round(anchor.rate),
        "ratio": ratio,
        "goal": f"ratio >= {goal}",
        "met": ratio >= goal,
    }


def plain(measured: Measured) -> Mapping[str, Any]:
    name = measured.name.lower().replace(",", "").replace(" ", "_")
    return {"name": name, "value": round(measured.rate), "unit": "evaluations/s"}


def print_table(shared: RuleSet, whole: RuleSet, lines: Sequence[Measured]) -> None:
    table = Table(title=f"{len(shared.rules)} of {len(whole.rules)} rules, which all can express")
    for column in ("reading", "profiles", "rules", "evaluations/s", "profiles/s", "matches"):
        table.add_column(column, justify="left" if column == "reading" else "right")
    for each in lines:
        table.add_row(
            each.name,
            f"{each.profiles:,}",
            str(each.rules),
            f"{each.rate:,.0f}",
            f"{each.profiles / each.seconds:,.0f}",
            "" if each.matches is None else f"{each.matches:,}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
