"""`quadrupel rules diff`: who gains and who loses what between two versions of the rules."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from quadrupel import bootstrap
from quadrupel.cli import git
from quadrupel.cli.output import Json, print_json
from quadrupel.cli.rule_choice import Folder, counted, line
from quadrupel.cli.rule_users import open_users, tried
from quadrupel.cli.rules_preview import AsOf, Population, sample_titles
from quadrupel.config import Settings, read_settings, rules_folder
from quadrupel.core.attributes import Schema
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.changes import (
    Change,
    Comparison,
    How,
    PlacementChange,
    changes,
    placement_changes,
)

_STYLES = {How.ADDED: "green", How.REMOVED: "red", How.CHANGED: "yellow", How.EDITED: ""}

Titles = Mapping[tuple[str, str], Mapping[str, str]]
"""What users of a sample read: by side ("gained", "lost") and rule, then by user id."""


def diff(
    old: Annotated[str, typer.Argument(help="A folder of rules, or a revision of git.")],
    new: Annotated[str | None, typer.Argument(help="Another; else the folder of rules.")] = None,
    as_of: AsOf = None,
    sample: Annotated[int, typer.Option(min=0, max=1000, help="How many users to show.")] = 3,
    population: Population = None,
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Show which rules differ between two versions, and who gains and who loses by it.

    Examples:
      quadrupel rules diff HEAD
      quadrupel rules diff HEAD~1 HEAD --population 20000
      quadrupel rules diff rules.before rules --as-of 2026-12-31

    Reads the users of the database, or synthetic ones. Shares and control groups are reckoned with,
    the room in placements is not. Texts, priorities and the like move nobody and are listed as
    edits. By some of them banners give way to others: this the next run brings.
    """
    settings = read_settings(rules=rules)
    today = as_of or bootstrap.today(settings)
    with _version(settings, old) as before, _version(settings, new) as after:
        found, places = changes(before, after), placement_changes(before, after)
        control = (before.control, after.control)
        compared = Comparison(before, after, today, sample)
        titles = _compare(settings, compared, population)
    if as_json:
        moved = [asdict(each) | {"decides_anew": each.decides_anew} for each in places]
        listed = [*(_fields(each, compared, titles) for each in found), *moved]
        print_json([*listed, *_control_json(control)])
    else:
        _print(found, compared, titles)
        _print_placements(places)
        _print_control(control)
        if not found and not places and control[0] == control[1]:
            line("nothing differs")


def _compare(settings: Settings, compared: Comparison, population: int | None) -> Titles:
    """Add all users to the comparison; returns what those of the samples read."""
    if not compared.gained:
        return {}
    schema = Schema({**compared.old.schema.attributes, **compared.new.schema.attributes})
    titles: dict[tuple[str, str], Mapping[str, str]] = {}
    with open_users(settings, schema, compared.today, population) as users:
        for frame in tried(users, compared.columns, "both versions"):
            compared.add(frame)
        for side, rule_set, tallies in (
            ("gained", compared.new, compared.gained),
            ("lost", compared.old, compared.lost),
        ):
            for rule_id, tally in tallies.items():
                if tally.count:
                    rule = rule_set.rules[rule_id]
                    shown = sample_titles(settings, rule_set, rule, users, tally, compared.today)
                    titles[side, rule_id] = shown
    return titles


@contextlib.contextmanager
def _version(settings: Settings, name: str | None) -> Iterator[RuleSet]:
    """The rules of a folder, of a revision, or of the settings."""
    folder = rules_folder(settings)
    if name is None or (Path(name) / "profile.py").is_file():
        yield catalogue.load(Path(name) if name else folder, settings.languages)
        return
    with tempfile.TemporaryDirectory(prefix="quadrupel-rules-") as scratch:
        yield catalogue.load(git.extract(folder, name, Path(scratch)), settings.languages)


def _print(found: list[Change], compared: Comparison, titles: Titles) -> None:
    for change in found:
        _print_head(change, change.rule)
        if change.how is How.EDITED and change.decides_anew:
            line("  the next run decides the banners anew of whoever matches it")
        for side, verb, tallies in (
            ("gained", "gain", compared.gained),
            ("lost", "lose", compared.lost),
        ):
            if change.rule in tallies:
                count = tallies[change.rule].count
                line(f"  {counted(count, 'user')} {verb}{'s' if count == 1 else ''} it")
            for user_id, title in titles.get((side, change.rule), {}).items():
                line(f"    {user_id}  {title}".rstrip())


def _print_placements(found: list[PlacementChange]) -> None:
    for change in found:
        _print_head(change, f"placement {change.placement}")
        if change.decides_anew:
            line("  the next run decides the banners anew of whoever matches one of its rules")


def _print_control(control: tuple[float, float]) -> None:
    """The share of the control group of all rules, before and after, if it is another."""
    old, new = control
    if old != new:
        line(f"edited   control group of all rules: {100 * old:.4g} % to {100 * new:.4g} %")
        line("  the next run decides the banners anew of whoever matches a rule")


def _control_json(control: tuple[float, float]) -> list[dict[str, Any]]:
    old, new = control
    return [{"control": new, "before": old, "decides_anew": True}] if old != new else []


def _print_head(change: Change | PlacementChange, name: str) -> None:
    what = f" ({', '.join(change.what)})" if change.what else ""
    line(f"{change.how:<8} {name}{what}", _STYLES[change.how])


def _fields(change: Change, compared: Comparison, titles: Titles) -> dict[str, Any]:
    fields: dict[str, Any] = {"rule": change.rule, "how": change.how, "what": change.what}
    fields["decides_anew"] = change.decides_anew
    for side, tallies in (("gained", compared.gained), ("lost", compared.lost)):
        if change.rule in tallies:
            shown = titles.get((side, change.rule), {}).items()
            fields[side] = {
                "users": tallies[change.rule].count,
                "sample": [{"user_id": user_id, "title": title} for user_id, title in shown],
            }
    return fields
