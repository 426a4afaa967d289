"""`quadrupel report`: what became of those for whom rules began to hold, arm against arm."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.cli.arguments import day_option
from quadrupel.cli.output import Json, print_json, print_table
from quadrupel.cli.report_page import page, sentences
from quadrupel.cli.rule_choice import Folder, chosen, line, load
from quadrupel.config import read_settings
from quadrupel.core.intervals import Interval
from quadrupel.core.reports import ArmReport, Difference, Proportion, RuleReport, rule_report
from quadrupel.rules.experiment_words import goal_words, percent
from quadrupel.rules.rule import Rule
from quadrupel.store import exposure_counts
from quadrupel.store.database import transaction

NO_RULE = (
    "no rule has a goal, a control group or variants, so there is nothing to compare;"
    " name a rule to see what became of its banner"
)
NO_DATA = "no data yet: it begins with the next match that is published"


def report(
    rule: Annotated[
        str | None, typer.Argument(help="The id of a rule; else all with a goal or an experiment.")
    ] = None,
    since: Annotated[
        date | None,
        day_option("--since", "Only whom rules began to hold for since this day (UTC)."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write one page with pictures, too."),
    ] = None,
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Report what became of rules: matches, seen, clicked, dismissed, goal reached, by variant.

    Examples:
      quadrupel report
      quadrupel report checkup_due --since 2026-09-01
      quadrupel report checkup_due --html checkup.html

    With 95 % intervals, and against the control group where there is one. Each citizen is counted
    once.
    """
    rule_set = load(rules)
    asked = chosen(rule_set, [rule] if rule else [])
    if rule is None:
        asked = [each for each in asked if each.is_experiment]
    found = _reports(asked, since, rules)
    told = [(each, found[each.id]) for each in asked]
    if html is not None:
        _write(html, page(told, since, bootstrap.now()))
    if as_json:
        print_json({"since": since, "rules": [_rule_json(*each) for each in told]})
        return
    if not told:
        line(NO_RULE)
    for each in told:
        _print(*each)
    if html is not None:
        line(f"the page is in {html}")


def _reports(
    rules: Sequence[Rule], since: date | None, folder: Path | None
) -> dict[str, RuleReport]:
    """The report of each rule, from exposures or, of one that records none, from matches."""
    tried = [rule.id for rule in rules if rule.is_experiment]
    others = [rule.id for rule in rules if not rule.is_experiment]
    settings = read_settings(rules=folder)
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        counts = exposure_counts.exposed(connection, tried, since) if tried else {}
        counts |= exposure_counts.matched(connection, others, since) if others else {}
    return {
        rule.id: rule_report(
            rule.id,
            counts.get(rule.id, {}),
            [each.name for each in rule.banner.variants] if rule.banner else [],
            has_goal=rule.goal is not None,
        )
        for rule in rules
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}") from error


def _print(rule: Rule, found: RuleReport) -> None:
    line(rule.id, "bold")
    line(rule.description.splitlines()[0])
    if rule.goal is not None:
        line(f"goal: {goal_words(rule.goal)}")
    if not found.arms:
        line(f"{NO_DATA}\n")
        return
    line(f"since {found.since:%Y-%m-%d %H:%M} UTC")
    print_table(_table(found), whole=("arm",))
    for sentence in sentences(found):
        line(sentence)
    line("")


def _table(found: RuleReport) -> Table:
    table = Table("arm", "matches", "shown", "seen", "clicked", "dismissed", "goal reached")
    for arm in found.arms:
        proportions = (arm.shown, arm.seen, arm.clicked, arm.dismissed, arm.reached)
        table.add_row(escape(arm.arm), f"{arm.users:,}", *map(_cell, proportions))
    return table


def _cell(proportion: Proportion | None) -> str:
    """The number, and the proportion with its interval where there are people to tell it of."""
    if proportion is None or not proportion.of:
        return "-" if proportion is None else "0"
    return f"{proportion.number:,}: {percent(proportion.interval)}"


def _rule_json(rule: Rule, found: RuleReport) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "description": rule.description,
        "goal": rule.goal
        and {
            "event": rule.goal.event,
            "where": dict(rule.goal.where),
            "within_days": rule.goal.within,
        },
        "control": rule.control,
        "since": found.since and found.since.isoformat(),
        "arms": [_arm_json(arm) for arm in found.arms],
    }


def _arm_json(arm: ArmReport) -> dict[str, Any]:
    return {
        "arm": arm.arm,
        "matches": arm.users,
        "shown": _proportion_json(arm.shown),
        "seen": _proportion_json(arm.seen),
        "clicked": _proportion_json(arm.clicked),
        "dismissed": _proportion_json(arm.dismissed),
        "goal_reached": _proportion_json(arm.reached),
        "clicks_against": _difference_json(arm.click_difference),
        "goal_against": _difference_json(arm.goal_difference),
    }


def _proportion_json(proportion: Proportion | None) -> dict[str, Any] | None:
    return proportion and {
        "count": proportion.number,
        "of": proportion.of,
        **_interval_json(proportion.interval),
    }


def _difference_json(each: Difference | None) -> dict[str, Any] | None:
    return each and {
        "arm": each.against,
        **_interval_json(each.interval),
        "enough": each.enough,
        "clear": each.is_clear,
    }


def _interval_json(interval: Interval) -> dict[str, float]:
    return {name: round(each, 6) for name, each in interval._asdict().items()}
