"""`quadrupel rules new`: a script to begin with, by questions or by options."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from quadrupel import bootstrap
from quadrupel.cli.output import Json, console, print_json
from quadrupel.cli.rule_choice import Folder, line, load
from quadrupel.config import Settings, read_settings, rules_folder
from quadrupel.core.attributes import Attribute
from quadrupel.core.errors import Conflict, NotFound
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.drafting import DRAFTED, Draft, draft_script
from quadrupel.rules.names import IDENTIFIER
from quadrupel.rules.offers import Declarations
from quadrupel.rules.problems import refusal, suggest
from quadrupel.rules.script import read_rule
from quadrupel.rules.source import decode


def new(
    rule: Annotated[str | None, typer.Argument(help="The id: its file's name.")] = None,
    situation: Annotated[str | None, typer.Option(help="The life situation: its folder.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    about: Annotated[
        str | None, typer.Option(metavar="ATTRIBUTE", help="What it asks; else the first date.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    title: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE=TEXT", help="The banner's title in a language, like en=..."),
    ] = None,
    placement: Annotated[str | None, typer.Option(help="Where its banner is shown.")] = None,
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Write a new rule script: a working one, to be changed.

    Examples:
      quadrupel rules new
      quadrupel rules new licence_check --situation transport --owner transport
      quadrupel rules new tax_refund --situation work --owner taxes --about taxes_owed

    On a terminal it asks for what the options do not say. Never overwrites a file.
    """
    settings = read_settings(rules=rules)
    rule_set = load(rules)
    rule = _checked_name(_asked("id of the rule", "ID", rule))
    situation = _checked_name(
        _asked("life situation", "--situation", situation, _situations(rule_set))
    )
    owner = _asked("owner", "--owner", owner)
    words = rule.replace("_", " ").capitalize()
    draft = Draft(
        rule=rule,
        description=description or f"{words}.",
        owner=owner,
        placement=placement or next(iter(rule_set.placements)),
        title=_titles(settings, title or [], words),
        about=_attribute(rule_set, about),
    )
    path = rules_folder(settings) / situation / f"{rule}.py"
    _write(path, draft, settings, rule_set)
    if as_json:
        print_json({"rule": rule, "path": str(path)})
        return
    console.print("[green]wrote[/] ", end="")
    line(str(path))
    line(f"change it, and prove it: quadrupel rules test {rule}")


def _asked(what: str, option: str, given: str | None, known: tuple[str, ...] = ()) -> str:
    """The answer of the options, else of who sits at the terminal."""
    if given:
        return given
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{option} is missing: the {what}")
    listed = f" ({', '.join(known)}, or a new one)" if known else ""
    return str(typer.prompt(f"The {what}{listed}"))


def _checked_name(name: str) -> str:
    if not IDENTIFIER.fullmatch(name):
        raise typer.BadParameter(f'"{name}" is not 3 to 64 of a-z, 0-9 and _, first a letter')
    return name


def _situations(rule_set: RuleSet) -> tuple[str, ...]:
    return tuple(sorted({rule.situation for rule in rule_set.rules.values()}))


def _attribute(rule_set: RuleSet, name: str | None) -> Attribute:
    """The attribute that the rule is to ask: the one named, else the first date."""
    attributes = rule_set.schema.attributes
    fitting = [each for each in attributes.values() if each.type in DRAFTED]
    if name is None:
        return min(fitting, key=lambda each: DRAFTED.index(each.type))
    if name not in attributes:
        raise NotFound(f'the profile has no attribute "{name}": {suggest(name, attributes)}')
    if attributes[name] not in fitting:
        kinds = ", ".join(DRAFTED)
        raise Conflict(f"{name} is of type {attributes[name].type}; a draft asks one of {kinds}")
    return attributes[name]


def _titles(settings: Settings, given: list[str], otherwise: str) -> dict[str, str]:
    """A title in every language; a language without its own gets the first one that is there."""
    titles = dict.fromkeys(settings.languages, "")
    for each in given:
        code, sign, text = each.partition("=")
        if not sign or code not in titles or not text.strip():
            expected = ", ".join(f"{language}=TEXT" for language in titles)
            raise typer.BadParameter(f'--title "{each}" is none of {expected}')
        titles[code] = text
    first = next((text for text in titles.values() if text), otherwise)
    return {code: text or first for code, text in titles.items()}


def _write(path: Path, draft: Draft, settings: Settings, rule_set: RuleSet) -> None:
    """Write the script, if it is right and nothing is in its place."""
    if draft.rule in rule_set.rules:
        raise Conflict(f"{rule_set.rules[draft.rule].path} is there already: choose another id")
    text = draft_script(draft, bootstrap.today(settings))
    source = decode(text.encode(), str(path))
    declarations = Declarations(rule_set.schema, rule_set.placements, settings.languages)
    if read_rule(source, draft.rule, path.parent.name, declarations) is None:
        raise refusal(source.problems)
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"{path} is there already: choose another id") from None
