"""`quadrupel rules`: check rule scripts, prove their examples, look at them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from quadrupel.cli.output import Json, console, errors, print_json
from quadrupel.config import read_settings, rules_folder
from quadrupel.core.errors import NotFound
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.problems import Problem, suggest
from quadrupel.rules.proving import Failure, failures
from quadrupel.rules.rule import Rule

app = typer.Typer(help="Check rule scripts, prove their examples, look at them.")

Folder = Annotated[
    Path | None,
    typer.Option("--rules", metavar="DIR", help="The folder of rules; else the setting."),
]


@app.command()
def check(rules: Folder = None, as_json: Json = False) -> None:
    """Check every rule script and declaration; say all that is wrong with them.

    Examples:
      quadrupel rules check
      quadrupel rules check --rules ~/portal/rules --json

    Exits with 1 if something is wrong.
    """
    settings = read_settings(rules=rules)
    examined = catalogue.examine(rules_folder(settings), settings.languages)
    rule_set = examined.rule_set
    sizes = {
        "rules": len(rule_set.rules),
        "attributes": len(rule_set.schema.attributes),
        "placements": len(rule_set.placements),
    }
    if as_json:
        problems = [problem_json(problem) for problem in examined.problems]
        print_json({**sizes, "hash": rule_set.hash, "problems": problems})
    elif not examined.problems:
        counts = ", ".join(_count(size, name.removesuffix("s")) for name, size in sizes.items())
        console.print(f"{counts}: all right")
    print_problems(() if as_json else examined.problems)
    if examined.problems:
        raise typer.Exit(1)


@app.command("test")
def prove(
    rule: Annotated[list[str] | None, typer.Argument(help="Ids of rules; else all.")] = None,
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Prove the examples of rules.

    Examples:
      quadrupel rules test
      quadrupel rules test birthday passport_at_14

    Exits with 1 if an example has another verdict than it expects.
    """
    chosen = _chosen(_load(rules), rule or [])
    failed = list(failures(chosen))
    examples = sum(len(each.examples) for each in chosen)
    if as_json:
        failures_json = [_failure_json(failure) for failure in failed]
        print_json({"rules": len(chosen), "examples": examples, "failures": failures_json})
    else:
        for failure in failed:
            _print_failure(failure)
        console.print(f"{_count(len(chosen), 'rule')}, {_count(examples, 'example')}: ", end="")
        console.print(f"[red]{len(failed)} failed[/]" if failed else "[green]all as expected[/]")
    if failed:
        raise typer.Exit(1)


@app.command("list")
def list_(rules: Folder = None, as_json: Json = False) -> None:
    """List the rules, by life situation.

    Examples:
      quadrupel rules list
      quadrupel rules list --json
    """
    chosen = sorted(_load(rules).rules.values(), key=lambda rule: (rule.situation, rule.id))
    if as_json:
        print_json([_summary(rule) for rule in chosen])
        return
    rows = [(rule.id, rule.owner, ", ".join(_offers(rule))) for rule in chosen]
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    situation = ""
    for rule, row in zip(chosen, rows, strict=True):
        if rule.situation != situation:
            situation = rule.situation
            _line(situation, style="bold")
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        _line("  ".join(["", *cells, rule.description.splitlines()[0]]))


@app.command()
def show(
    rule: Annotated[str, typer.Argument(help="The id of the rule: its file's name.")],
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Show one rule: its condition, texts, inputs and examples.

    Example:
      quadrupel rules show driving_licence_expiring
    """
    (found,) = _chosen(_load(rules), [rule])
    if as_json:
        print_json(_details(found))
    else:
        _print_rule(found)


def print_problems(problems: Iterable[Problem]) -> None:
    """Problems with carets on standard error, and how many there are."""
    ordered = sorted(problems)
    for problem in ordered:
        place, *rest = str(problem).splitlines()
        errors.print(Text(place, "bold"), soft_wrap=True)
        for line in rest:
            errors.print(Text(line, "red" if line.strip(" ^") == "" else ""), soft_wrap=True)
    if ordered:
        errors.print(_count(len(ordered), "problem"))


def problem_json(problem: Problem) -> Mapping[str, Any]:
    """A problem for programs: where it is, what it is, how to mend it."""
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "hint": problem.hint,
    }


def _load(rules: Path | None) -> RuleSet:
    settings = read_settings(rules=rules)
    return catalogue.load(rules_folder(settings), settings.languages)


def _chosen(rule_set: RuleSet, ids: Iterable[str]) -> list[Rule]:
    """The rules with these ids, or all; NotFound with a hint for an unknown one."""
    wanted = list(dict.fromkeys(ids))
    for rule_id in wanted:
        if rule_id not in rule_set.rules:
            hint = suggest(rule_id, rule_set.rules) or "`quadrupel rules list` shows all"
            raise NotFound(f'there is no rule "{rule_id}": {hint}')
    return [rule_set.rules[rule_id] for rule_id in wanted or rule_set.rules]


def _offers(rule: Rule) -> list[str]:
    offers = [rule.banner.placement] if rule.banner else []
    offers += ["e-mail"] if rule.email else []
    offers += [f"webhook {rule.webhook.endpoint}"] if rule.webhook else []
    return offers


def _summary(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "situation": rule.situation,
        "owner": rule.owner,
        "tags": rule.tags,
        "description": rule.description,
        "offers": _offers(rule),
        "path": rule.path,
    }


def _details(rule: Rule) -> dict[str, Any]:
    banner = rule.banner
    return {
        **_summary(rule),
        "identity": rule.identity,
        "predicate": rule.predicate.text,
        "inputs": rule.inputs,
        "shown": rule.shown,
        "once_per": rule.once_per,
        "shadow": rule.shadow,
        "share": rule.share,
        "max_match_ratio": rule.max_match_ratio,
        "banner": banner
        and {
            "placement": banner.placement,
            "priority": banner.priority,
            "link": banner.link,
            "title": banner.title,
            "text": banner.text,
        },
        "template": rule.email and rule.email.template,
        "webhook": rule.webhook and rule.webhook.endpoint,
        "examples": [
            {"verdict": each.verdict, "today": each.today, "values": each.values, "line": each.line}
            for each in rule.examples
        ],
    }


def _print_rule(rule: Rule) -> None:
    _line(rule.id, style="bold")
    _line(rule.description)
    _line("")
    _line(rule.predicate.text)
    _line("")
    facts = {
        "file": rule.path,
        "owner": rule.owner,
        "tags": ", ".join(rule.tags),
        "shown in": rule.banner and rule.banner.placement,
        "template": rule.email and rule.email.template,
        "webhook": rule.webhook and rule.webhook.endpoint,
        "reads": ", ".join(rule.inputs),
        "shows": ", ".join(rule.shown),
        "once per": rule.once_per or "match",
        "identity": rule.identity,
    }
    if rule.banner:
        facts |= {f"title {code}": text for code, text in rule.banner.title.items()}
        facts |= {f"text {code}": text for code, text in rule.banner.text.items()}
    for name, fact in facts.items():
        if fact:
            _line(f"{name:<10} {fact}")
    _line("")
    for example in rule.examples:
        values = ", ".join(f"{name}={value}" for name, value in example.values.items())
        _line(f"{example.verdict:<10} on {example.today}  {values}")


def _failure_json(failure: Failure) -> Mapping[str, Any]:
    return {
        "rule": failure.rule.id,
        "path": failure.rule.path,
        "line": failure.example.line,
        "expected": failure.example.verdict,
        "got": failure.got,
    }


def _print_failure(failure: Failure) -> None:
    place = f"{failure.rule.path}:{failure.example.line}"
    _line(f"{place}: expected {failure.example.verdict}, got {failure.got}", to=errors)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(text: str, style: str = "", to: Console = console) -> None:
    """One line as it is: no mark-up, no wrapping."""
    to.print(Text(text, style), soft_wrap=True)
