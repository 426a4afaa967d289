"""`quadrupel rules preview`: whom a rule would match, before it is published."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from quadrupel import bootstrap
from quadrupel.api.banner_texts import banner_texts, render
from quadrupel.cli.arguments import day_option
from quadrupel.cli.output import Json, print_json
from quadrupel.cli.rule_choice import Folder, chosen, counted, line, load
from quadrupel.cli.rule_users import Users, open_users, tried
from quadrupel.config import Settings, read_settings
from quadrupel.core.banners import Banner
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.offers import Declarations
from quadrupel.rules.predicate import Predicate, parse_expression
from quadrupel.rules.preview import Preview
from quadrupel.rules.problems import refusal
from quadrupel.rules.row import RowReading
from quadrupel.rules.rule import Rule
from quadrupel.rules.script import read_rule
from quadrupel.rules.source import read
from quadrupel.rules.tally import Tally, band_names
from quadrupel.store.banner_reads import BannerSet

BAR = 30
"""How wide the largest group's bar is, in characters."""

AsOf = Annotated[date | None, day_option("--as-of", "The day to read the rules for; else today.")]
Population = Annotated[
    int | None,
    typer.Option(metavar="USERS", min=1, help="Try synthetic users instead of the database's."),
]


def preview(
    rule: Annotated[str | None, typer.Argument(help="The id of a rule.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A rule script that need not be in the folder.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="EXPRESSION", help="A condition alone.")
    ] = None,
    as_of: AsOf = None,
    sample: Annotated[int, typer.Option(min=0, max=1000, help="How many users to show.")] = 20,
    population: Population = None,
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Show how many users a rule matches, who they are, and what they would get.

    Examples:
      quadrupel rules preview driving_licence_expiring
      quadrupel rules preview birthday --as-of 2027-02-28 --sample 5
      quadrupel rules preview --file drafts/new_rule.py --population 20000
      quadrupel rules preview --where 'age(user.birth_date) >= 70 and user.fines_owed > 0'

    Reads the database of the settings, or of the `quadrupel up` that runs here; changes nothing.
    """
    settings = read_settings(rules=rules)
    rule_set = load(rules)
    found = _the_rule(settings, rule_set, rule, file, where)
    today = as_of or bootstrap.today(settings)
    seen = Preview(rule_set, found, today, sample)
    with open_users(settings, rule_set.schema, today, population) as users:
        for frame in tried(users, seen.columns, found.id):
            seen.add(frame)
        shown = sample_titles(settings, rule_set, found, users, seen.matching, today)
    if as_json:
        print_json(_fields(found, today, seen, shown))
    else:
        _print(found, today, seen, shown)


def _the_rule(
    settings: Settings, rule_set: RuleSet, rule: str | None, file: Path | None, where: str | None
) -> Rule:
    """The one rule that was named in one of the three ways."""
    if [rule, file, where].count(None) != 2:
        raise typer.BadParameter("name one rule: RULE, --file PATH or --where EXPRESSION")
    if where is not None:
        return _condition(parse_expression(where, rule_set.schema, rule_set.holidays))
    if file is not None:
        source = read(file, str(file))
        declarations = Declarations(
            rule_set.schema, rule_set.placements, settings.languages, rule_set.holidays
        )
        found = read_rule(source, file.stem, file.parent.name, declarations)
        if found is None:
            raise refusal(source.problems)
        return found
    return chosen(rule_set, [rule or ""])[0]


def _condition(predicate: Predicate) -> Rule:
    """A rule that is nothing but a condition."""
    return Rule(
        id="where",
        situation="",
        path="",
        description=predicate.text,
        owner="",
        tags=(),
        banner=None,
        email=None,
        webhook=None,
        once_per=None,
        shadow=True,
        share=1.0,
        max_match_ratio=None,
        predicate=predicate,
        examples=(),
        shown=(),
        identity="",
    )


def sample_titles(
    settings: Settings, rule_set: RuleSet, rule: Rule, users: Users, tally: Tally, today: date
) -> Mapping[str, str]:
    """What each user of the tally's sample would read, in the first language, by user id."""
    alone = RuleSet(rule_set.schema, {rule.id: rule}, rule_set.placements, rule_set.hash)
    reading, texts = RowReading(alone), banner_texts(alone)
    titles: dict[str, str] = {}
    for user_id, profile in sorted(users.profiles(tally.sample).items()):
        found = reading.evaluation(user_id, 0, profile.values, today, bootstrap.now())
        banners = [Banner(match.rule, match.values) for match in found.matches]
        found_set = BannerSet(0, today, banners)
        shown = render(user_id, found_set, texts, settings.languages[0], settings.zone)
        titles[user_id] = shown[0]["title"] if shown else ""
    return titles


def _print(rule: Rule, today: date, seen: Preview, titles: Mapping[str, str]) -> None:
    everybody = seen.everybody.count
    line(f"{rule.id} on {today}: {_share(seen.matching.count, everybody)} match", "bold")
    for verdict in (Verdict.NO_MATCH, Verdict.UNKNOWN, Verdict.ERROR):
        if seen.verdicts[verdict]:
            line(f"  {verdict.replace('_', ' ')}: {_share(seen.verdicts[verdict], everybody)}")
    regions = [name for name, _ in seen.everybody.regions.most_common()]
    _print_groups("by age", seen.matching.ages, seen.everybody.ages, [*band_names(), None])
    _print_groups("by region", seen.matching.regions, seen.everybody.regions, regions)
    if titles:
        line(f"\n{counted(len(titles), 'user')} of those who match", "bold")
    for user_id, title in titles.items():
        line(f"  {user_id}  {title}".rstrip())


def _print_groups(
    heading: str,
    matching: Mapping[str | None, int],
    everybody: Mapping[str | None, int],
    names: Sequence[str | None],
) -> None:
    shown = [name for name in names if everybody.get(name)]
    if not shown or set(shown) == {None}:
        return
    line(f"\n{heading}", "bold")
    most = max(matching.get(name, 0) for name in shown)
    for name in shown:
        size = matching.get(name, 0)
        bar = "█" * round(BAR * size / most) if most else ""
        line(f"  {name or 'unknown':<12} {_share(size, everybody[name]):<28} {bar}".rstrip())


def _share(part: int, whole: int) -> str:
    """How many of how many, and in per cent."""
    if not whole:
        return "0 of 0"
    percent = 100 * part / whole
    return (
        f"{part:,} of {whole:,} ({percent:.{0 if percent >= 10 else 1 if percent >= 1 else 2}f} %)"
    )


def _fields(rule: Rule, today: date, seen: Preview, titles: Mapping[str, str]) -> dict[str, Any]:
    def groups(name: str) -> dict[str, dict[str, int]]:
        matching, everybody = getattr(seen.matching, name), getattr(seen.everybody, name)
        return {
            group or "unknown": {"users": size, "matching": matching[group]}
            for group, size in everybody.items()
        }

    return {
        "rule": rule.id,
        "as_of": today,
        "users": seen.everybody.count,
        "verdicts": {verdict.value: seen.verdicts[verdict] for verdict in Verdict},
        "ages": groups("ages"),
        "regions": groups("regions"),
        "sample": [{"user_id": user_id, "title": title} for user_id, title in titles.items()],
    }
