"""`quadrupel rules test`: prove the examples of rules, and look at what is around them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

import typer

from quadrupel.cli.output import Json, console, errors, print_json
from quadrupel.cli.rule_choice import Folder, Selection, chosen, counted, line, load, select
from quadrupel.config import read_settings, rules_folder
from quadrupel.rules.boundaries import Boundary, boundaries
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.coverage import Undecided, undecided
from quadrupel.rules.proving import Failure, failures
from quadrupel.rules.rule import Rule
from quadrupel.rules.tree import Node
from quadrupel.rules.words import Words


@dataclass(frozen=True, slots=True)
class _Proof:
    """What was found out about the chosen rules."""

    rules: Sequence[Rule]
    failed: Sequence[Failure]
    boundaries: Sequence[Boundary]
    undecided: Sequence[Undecided]
    words: Words

    @property
    def examples(self) -> int:
        return sum(len(rule.examples) for rule in self.rules)

    @property
    def errors(self) -> list[Boundary]:
        return [boundary for boundary in self.boundaries if boundary.fails]

    def told(self, node: Node) -> str:
        return "; ".join(self.words.sentence(node).lines())


def test(
    rule: Annotated[list[str] | None, typer.Argument(help="Ids of rules; else all.")] = None,
    selection: Selection = None,
    show_boundaries: Annotated[
        bool, typer.Option("--boundaries", help="Show the days on which verdicts change.")
    ] = False,
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Prove the examples of rules, and try the days around every comparison.

    Examples:
      quadrupel rules test
      quadrupel rules test birthday passport_at_14 --boundaries
      quadrupel rules test --select tag:licence --select modified

    The days before, on and after every comparison of days are read too: they must not be errors,
    and --boundaries shows where the verdict changes. Warns of a part of a condition that no example
    shows to decide by being true, or by being false. Exits with 1 if an example has another verdict
    than it expects.
    """
    rule_set = load(rules)
    folder = rules_folder(read_settings(rules=rules))
    proof = _prove(rule_set, select(chosen(rule_set, rule or []), selection or [], folder))
    if as_json:
        print_json(_fields(proof, all_boundaries=show_boundaries))
    else:
        _print(proof, show_boundaries=show_boundaries)
    if proof.failed or proof.errors:
        raise typer.Exit(1)


def _prove(rule_set: RuleSet, rules: Sequence[Rule]) -> _Proof:
    return _Proof(
        rules,
        list(failures(rules)),
        [boundary for rule in rules for boundary in boundaries(rule)],
        [each for rule in rules for each in undecided(rule)],
        Words(rule_set.schema),
    )


def _print(proof: _Proof, *, show_boundaries: bool) -> None:
    if show_boundaries:
        _print_boundaries(proof)
    for failure in proof.failed:
        place = f"{failure.rule.path}:{failure.example.line}"
        line(f"{place}: expected {failure.example.verdict}, got {failure.got}", to=errors)
    for boundary in proof.errors:
        place = f"{boundary.rule.path}:{boundary.example.line}"
        days = f"{boundary.varied} from {boundary.days[0]} to {boundary.days[2]}"
        line(f"{place}: an error with {days}: {proof.told(boundary.comparison)}", to=errors)
    for each in proof.undecided:
        told = f"no example in which this decides by being {str(each.answer).lower()}"
        place = f"{each.rule.path}:{each.line}"
        line(f"{place}: warning: {told}: {proof.told(each.clause)}", "yellow", errors)
    wrong = len(proof.failed) + len(proof.errors)
    console.print(
        f"{counted(len(proof.rules), 'rule')}, {counted(proof.examples, 'example')}: ", end=""
    )
    console.print(f"[red]{wrong} failed[/]" if wrong else "[green]all as expected[/]")
    changing = sum(1 for boundary in proof.boundaries if any(boundary.changes()))
    shown = "" if show_boundaries else "; --boundaries shows where"
    count = counted(len(proof.boundaries), "boundary", "boundaries")
    line(f"{count} of comparisons, the verdict changes at {changing}{shown}")


def _print_boundaries(proof: _Proof) -> None:
    for rule, around in groupby(proof.boundaries, lambda boundary: boundary.rule):
        line(rule.id, "bold")
        for boundary in around:
            for day, before, after in boundary.changes():
                change = f"{before} → {after}"
                line(
                    f"  line {boundary.example.line:<4} {boundary.varied} {day}  {change:<20} "
                    f" {proof.told(boundary.comparison)}"
                )


def _fields(proof: _Proof, *, all_boundaries: bool) -> Mapping[str, Any]:
    shown = proof.boundaries if all_boundaries else proof.errors
    return {
        "rules": len(proof.rules),
        "examples": proof.examples,
        "failures": [
            {
                "rule": failure.rule.id,
                "path": failure.rule.path,
                "line": failure.example.line,
                "expected": failure.example.verdict,
                "got": failure.got,
            }
            for failure in proof.failed
        ],
        "undecided": [
            {
                "rule": each.rule.id,
                "path": each.rule.path,
                "line": each.line,
                "clause": proof.told(each.clause),
                "by_being": each.answer,
            }
            for each in proof.undecided
        ],
        "boundary_count": len(proof.boundaries),
        "boundaries": [
            {
                "rule": boundary.rule.id,
                "line": boundary.example.line,
                "comparison": proof.told(boundary.comparison),
                "varied": boundary.varied,
                "days": boundary.days,
                "verdicts": boundary.verdicts,
            }
            for boundary in shown
        ],
    }
