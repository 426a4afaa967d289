"""`quadrupel rules explain`: why a user is shown what they are shown, and why not the rest."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import typer

from quadrupel import bootstrap, telemetry
from quadrupel.api.standings import standings_of
from quadrupel.cli import looks
from quadrupel.cli.arguments import day_option
from quadrupel.cli.output import Json, print_json
from quadrupel.cli.rule_choice import Folder, chosen, line
from quadrupel.config import read_settings
from quadrupel.core.arbitration import Standing
from quadrupel.core.errors import NotFound
from quadrupel.core.events import check_user_id
from quadrupel.core.looks import LookAt
from quadrupel.core.values import to_text
from quadrupel.core.verdicts import Verdict
from quadrupel.rules import value_forms
from quadrupel.rules.explain import Clause, Explanation, Origin
from quadrupel.rules.explain import explain as explain_rule
from quadrupel.rules.explain_json import explanations_json
from quadrupel.rules.standings import told as banner_told
from quadrupel.store import schema
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

_STYLES = {Verdict.MATCH: "green", Verdict.ERROR: "red", Verdict.UNKNOWN: "yellow"}


def explain(
    user: Annotated[str, typer.Option("--user", metavar="ID", help="The user.")],
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="RULE", help="Only this one; repeatable.")
    ] = None,
    as_of: Annotated[date | None, day_option("--as-of", "The day; else the user's today.")] = None,
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Say why rules match a user and why not, until when, and what becomes of their banners.

    Examples:
      quadrupel rules explain --user c0000042
      quadrupel rules explain --user c0000042 --rule driving_licence_expiring
      quadrupel rules explain --user c0000042 --as-of 2027-01-31 --json

    Without --rule, all clauses are told of rules that match or fail, and of the others one line.
    Each look is recorded: `quadrupel audit list` shows it.
    """
    settings = read_settings(rules=rules)
    telemetry.configure_logs(settings.log_format, settings.log_level)
    rule_set = bootstrap.load_rules(settings)
    asked = chosen(rule_set, rule or [])
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        schema.verify(connection, rule_set.schema)
        day = as_of or bootstrap.today_of(settings, connection, user)
        found = ProfileStore(rule_set.schema).read(connection, [check_user_id(user)])
        if user not in found:
            raise NotFound(f'there is no user "{user}"')
        looks.record(connection, user, LookAt.EXPLAIN, rules=rule, as_of=str(day))
        standings = standings_of(connection, rule_set, found[user], day, settings.zone)
    told = [explain_rule(rule_set, each.id, found[user], day) for each in asked]
    if as_json:
        print_json(explanations_json(found[user], day, told, standings))
        return
    line(f"{user} on {day}, profile version {found[user].version}")
    for each in told:
        whole = bool(rule) or each.verdict in (Verdict.MATCH, Verdict.ERROR)
        _print(each, standings.get(each.rule.id), whole=whole)


def _print(explanation: Explanation, standing: Standing | None, *, whole: bool) -> None:
    deadline = explanation.deadline
    until = f"until {deadline.day}" if deadline.day else "for good"
    about = until if deadline.exact else f"at least {until}"
    name = f"{explanation.rule.id}: {explanation.verdict.value.replace('_', ' ')}, {about}"
    line("")
    line(name, style=_STYLES.get(explanation.verdict, ""))
    for reason in explanation.because:
        line(f"  {reason}")
    for sentence in banner_told(standing) if standing else ():
        line(f"  banner {sentence}")
    if not whole:
        return
    line("  because of")
    for text in _lines(explanation.clause, 2):
        line(text)
    line("  with")
    for origin in explanation.origins:
        line(f"    {_origin(origin)}")


def _lines(clause: Clause, depth: int) -> Iterator[str]:
    """The clause and those in it, one a line; what is written in full above is left out."""
    mark = "*" if clause.decides else " "
    yield f"{'  ' * depth}{mark} {_told(clause)}  {clause.text}"
    for each in clause.clauses:
        if each.text != _told(each):
            yield from _lines(each, depth + 1)


def _told(clause: Clause) -> str:
    if clause.error is not None:
        return f"error ({clause.error})"
    if clause.value is None:
        return "unknown"
    return str(clause.value).lower() if isinstance(clause.value, bool) else str(clause.value)


def _origin(origin: Origin) -> str:
    if origin.value is None:
        told = "missing"
    elif isinstance(origin.value, tuple):
        total = sum(number for _, number in origin.value)
        told = f"{total}, on {value_forms.told(origin.value)}" if total else "0"
    elif isinstance(origin.value, dict):
        told = ", ".join(f"{key} x{each.count}" for key, each in sorted(origin.value.items()))
    else:
        told = to_text(origin.value)
    if origin.time is None:
        return f"{origin.attribute} = {told}"
    return f"{origin.attribute} = {told}, by {origin.event or 'an event'} at {to_text(origin.time)}"
