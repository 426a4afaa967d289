"""`quadrupel rules`: check rule scripts, prove their examples, look at them."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from quadrupel import bootstrap
from quadrupel.cli import (
    explain,
    rules_diff,
    rules_docs,
    rules_held,
    rules_new,
    rules_preview,
    rules_stubs,
    rules_test,
)
from quadrupel.cli.output import Json, console, errors, print_json
from quadrupel.cli.rule_choice import Folder, chosen, counted, line, load
from quadrupel.config import read_settings, rules_folder
from quadrupel.rules import catalogue, placements
from quadrupel.rules.displays import warnings
from quadrupel.rules.experiment_words import experiment_words
from quadrupel.rules.problems import Problem
from quadrupel.rules.readings import unwritable
from quadrupel.rules.rule import Banner, Rule
from quadrupel.rules.value_forms import as_json, told

app = typer.Typer(
    help="Check rule scripts, prove their examples, look at them; decide on held ones."
)

app.command()(rules_new.new)
app.command()(explain.explain)
app.command("test")(rules_test.test)
app.command("stubs")(rules_stubs.write_stubs)
app.command()(rules_preview.preview)
app.command()(rules_diff.diff)
app.command()(rules_docs.docs)
app.command()(rules_held.held)
app.command()(rules_held.release)
app.command()(rules_held.discard)


@app.command()
def check(rules: Folder = None, as_json: Json = False) -> None:
    """Check every rule script and declaration; say all that is wrong with them.

    Examples:
      quadrupel rules check
      quadrupel rules check --rules ~/portal/rules --json

    Exits with 1 if something is wrong. Warns of banners that are never shown, or not as is meant.
    """
    settings = read_settings(rules=rules)
    templates = bootstrap.template_placeholders(settings)
    folder = rules_folder(settings)
    examined = catalogue.examine(folder, settings.languages, templates)
    rule_set = examined.rule_set
    problems = [*examined.problems, *unwritable(rule_set.rules.values())]
    warned = [] if problems else warnings(rule_set, str(folder / placements.FILE_NAME))
    sizes = {
        "rules": len(rule_set.rules),
        "attributes": len(rule_set.schema.attributes),
        "placements": len(rule_set.placements),
    }
    if as_json:
        said = [problem_json(problem) for problem in problems]
        told = {"problems": said, "warnings": [problem_json(warning) for warning in warned]}
        print_json({**sizes, "hash": rule_set.hash, **told})
    elif not problems:
        counts = ", ".join(counted(size, name.removesuffix("s")) for name, size in sizes.items())
        console.print(f"{counts}: all right")
    for warning in () if as_json else warned:
        line(f"warning: {warning}", "yellow", errors)
    print_problems(() if as_json else problems)
    if problems:
        raise typer.Exit(1)


@app.command("list")
def list_(rules: Folder = None, as_json: Json = False) -> None:
    """List the rules, by life situation.

    Examples:
      quadrupel rules list
      quadrupel rules list --json
    """
    chosen = sorted(load(rules).rules.values(), key=lambda rule: (rule.situation, rule.id))
    if as_json:
        print_json([_summary(rule) for rule in chosen])
        return
    rows = [(rule.id, rule.owner, ", ".join(_offers(rule))) for rule in chosen]
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    situation = ""
    for rule, row in zip(chosen, rows, strict=True):
        if rule.situation != situation:
            situation = rule.situation
            line(situation, style="bold")
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        line("  ".join(["", *cells, rule.description.splitlines()[0]]))


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
    (found,) = chosen(load(rules), [rule])
    if as_json:
        print_json(_details(found))
    else:
        _print_rule(found)


def print_problems(problems: Iterable[Problem]) -> None:
    """Problems with carets on standard error, and how many there are."""
    ordered = sorted(problems)
    for problem in ordered:
        place, *rest = str(problem).splitlines()
        errors.print(Text(place, "bold"))
        for shown in rest:
            errors.print(Text(shown, "red" if shown.strip(" ^") == "" else ""))
    if ordered:
        errors.print(counted(len(ordered), "problem"))


def problem_json(problem: Problem) -> Mapping[str, Any]:
    """A problem for programs: where it is, what it is, how to mend it."""
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "hint": problem.hint,
    }


def _offers(rule: Rule) -> list[str]:
    offers = [rule.banner.placement] if rule.banner else []
    offers += ["e-mail"] if rule.email else []
    offers += [f"webhook {rule.webhook.endpoint}"] if rule.webhook else []
    offers += ["experiment"] if rule.is_experiment else []
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
        "control": rule.control,
        "variants": [dataclasses.asdict(each) for each in banner.variants] if banner else [],
        "goal": rule.goal
        and {
            "event": rule.goal.event,
            "where": dict(rule.goal.where),
            "within_days": rule.goal.within,
        },
        "banner": banner
        and {
            "placement": banner.placement,
            "priority": banner.priority,
            "link": banner.link,
            "dismiss_for": banner.dismiss_for,
            "title": banner.title,
            "text": banner.text,
            "exclusive": banner.exclusive,
            "story": banner.story,
            "must_show": banner.must_show,
        },
        "template": rule.email and rule.email.template,
        "webhook": rule.webhook and rule.webhook.endpoint,
        "examples": [
            {
                "verdict": each.verdict,
                "today": each.today,
                "values": {name: as_json(value) for name, value in each.values.items()},
                "line": each.line,
            }
            for each in rule.examples
        ],
    }


def _dismissed(banner: Banner) -> str | None:
    """How long the banner stays away then, where its author says so."""
    return None if banner.dismiss_for is None else f"for {counted(banner.dismiss_for, 'day')}"


def _print_rule(rule: Rule) -> None:
    line(rule.id, style="bold")
    line(rule.description)
    line("")
    line(rule.predicate.text)
    line("")
    facts = {
        "file": rule.path,
        "owner": rule.owner,
        "tags": ", ".join(rule.tags),
        "shown in": rule.banner and rule.banner.placement,
        "story": rule.banner and rule.banner.story,
        "exclusive": rule.banner and rule.banner.exclusive,
        "must show": "yes" if rule.banner and rule.banner.must_show else None,
        "dismissed": rule.banner and _dismissed(rule.banner),
        "template": rule.email and rule.email.template,
        "webhook": rule.webhook and rule.webhook.endpoint,
        "reads": ", ".join(rule.inputs),
        "shows": ", ".join(rule.shown),
        "once per": rule.once_per or "match",
        "tried": "; ".join(experiment_words(rule)),
        "identity": rule.identity,
    }
    if rule.banner:
        facts |= {f"title {code}": text for code, text in rule.banner.title.items()}
        facts |= {f"text {code}": text for code, text in rule.banner.text.items()}
        for each in rule.banner.variants:
            facts |= {f"{each.name} {code}": text for code, text in each.title.items()}
    for name, fact in facts.items():
        if fact:
            line(f"{name:<10} {fact}")
    line("")
    for example in rule.examples:
        values = "; ".join(f"{name}={told(value)}" for name, value in example.values.items())
        line(f"{example.verdict:<10} on {example.today}  {values}")
