"""Which rules a command is about: the folder, ids, and `--select`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from quadrupel.cli import git
from quadrupel.cli.output import console
from quadrupel.config import read_settings, rules_folder
from quadrupel.core.errors import NotFound
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.problems import suggest
from quadrupel.rules.rule import Rule

Folder = Annotated[
    Path | None,
    typer.Option("--rules", metavar="DIR", help="The folder of rules; else the setting."),
]

Selection = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="WHAT",
        help="tag:NAME, owner:NAME, situation:NAME, or modified (since the last commit); several"
        " narrow each other.",
    ),
]


def load(rules: Path | None) -> RuleSet:
    """All rules of the folder. Raises DeclarationRefused with every problem in them."""
    settings = read_settings(rules=rules)
    return catalogue.load(rules_folder(settings), settings.languages)


def chosen(rule_set: RuleSet, ids: Iterable[str]) -> list[Rule]:
    """The rules with these ids, or all; NotFound with a hint for an unknown one."""
    wanted = list(dict.fromkeys(ids))
    for rule_id in wanted:
        if rule_id not in rule_set.rules:
            hint = suggest(rule_id, rule_set.rules) or "`quadrupel rules list` shows all"
            raise NotFound(f'there is no rule "{rule_id}": {hint}')
    return [rule_set.rules[rule_id] for rule_id in wanted or rule_set.rules]


def select(rules: Iterable[Rule], selections: Iterable[str], folder: Path) -> list[Rule]:
    """The rules that fit all selections. Raises NotFound if none does."""
    found = list(rules)
    for selection in selections:
        fits = _test_of(selection, folder)
        remaining = [rule for rule in found if fits(rule)]
        if not remaining:
            raise NotFound(f"{selection} selects no rule{_choices(selection, found)}")
        found = remaining
    return found


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and what is counted: "1 rule", "2 rules"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def line(text: str, style: str = "", to: Console = console) -> None:
    """One line as it is: no mark-up, no wrapping."""
    to.print(Text(text, style), soft_wrap=True)


def _test_of(selection: str, folder: Path) -> Callable[[Rule], bool]:
    what, _, name = selection.partition(":")
    match what:
        case "modified" if not name:
            changed = git.modified(folder)
            return lambda rule: Path(rule.path).resolve() in changed
        case "tag" if name:
            return lambda rule: name in rule.tags
        case "owner" if name:
            return lambda rule: name == rule.owner
        case "situation" if name:
            return lambda rule: name == rule.situation
    raise typer.BadParameter(
        f"{selection!r} is none of tag:NAME, owner:NAME, situation:NAME, modified"
    )


def _choices(selection: str, rules: Iterable[Rule]) -> str:
    """What could have been named instead."""
    words = {
        "tag": {tag for rule in rules for tag in rule.tags},
        "owner": {rule.owner for rule in rules},
        "situation": {rule.situation for rule in rules},
    }
    what, _, name = selection.partition(":")
    hint = suggest(name, words.get(what, ()), f"there are the {what}s ")
    return f": {hint}" if hint else ""
