"""The catalogue: a folder of rule scripts with its declarations, read as one rule set.

    rules/profile.py               the attributes of a profile
    rules/placements.py            where banners are shown
    rules/experiments.py           the control group of all rules, if there is one
    rules/holidays.txt             the holidays, if rules ask for them
    rules/SITUATION/RULE_ID.py     the rules, by life situation

All other files (templates, notes, names that begin with an underscore) are left alone. Nothing of
it is ever imported or executed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quadrupel.core.attributes import Schema
from quadrupel.rules import declaration, experiments, holidays, placements
from quadrupel.rules.holidays import NO_HOLIDAYS, Holidays
from quadrupel.rules.identity import digest, weight
from quadrupel.rules.names import IDENTIFIER
from quadrupel.rules.offers import Declarations
from quadrupel.rules.placements import Placement
from quadrupel.rules.problems import Problem, refusal
from quadrupel.rules.rule import Rule
from quadrupel.rules.script import read_rule
from quadrupel.rules.source import Source, read

LANGUAGES = ("en", "ru")
Templates = Mapping[str, Collection[str]]
DECLARATIONS = (declaration.FILE_NAME, placements.FILE_NAME, experiments.FILE_NAME)
"""The scripts beside the folders of rules."""
SKIPPED = frozenset({"templates"})
"""Folders beside the rules that hold none."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of a folder, by id and in the order of ids, with what they refer to.

    `hash` is the same for the same verdicts and the same arbitration: it covers the ids, identities
    and weights of the rules. `control` is the share of the users who are kept from what all rules
    offer. `holidays` are those that rules ask for.
    """

    schema: Schema
    rules: Mapping[str, Rule]
    placements: Mapping[str, Placement]
    hash: str
    control: float = 0.0
    holidays: Holidays = NO_HOLIDAYS

    @property
    def identities(self) -> dict[str, str]:
        """The identity of each rule by its id."""
        return {rule.id: rule.identity for rule in self.rules.values()}

    @property
    def weights(self) -> dict[str, str]:
        """The weight of the banner of each rule that has one, by the rule's id."""
        return {
            rule.id: weight(rule, self.placements[rule.banner.placement], self.control)
            for rule in self.rules.values()
            if rule.banner is not None
        }


@dataclass(frozen=True, slots=True)
class Examined:
    """What a folder holds: the rules that are right, and what is wrong with the others."""

    rule_set: RuleSet
    problems: tuple[Problem, ...]


def load(
    folder: Path, languages: Sequence[str] = LANGUAGES, templates: Templates | None = None
) -> RuleSet:
    """Read all rules of a folder. Raises DeclarationRefused with every problem of every file.

    Texts must be there in all `languages`. E-mails must be of `templates`, if these are given:
    the placeholders of each, by its name.
    """
    examined = examine(folder, languages, templates)
    if examined.problems:
        raise refusal(examined.problems)
    return examined.rule_set


def examine(
    folder: Path, languages: Sequence[str] = LANGUAGES, templates: Templates | None = None
) -> Examined:
    """Read all rules of a folder, and collect what is wrong instead of raising it."""
    profile = read(folder / declaration.FILE_NAME, str(folder / declaration.FILE_NAME))
    places = read(folder / placements.FILE_NAME, str(folder / placements.FILE_NAME))
    calendar, calendar_sources = holidays.declared(folder)
    control, tried = experiments.declared(folder)
    declarations = Declarations(
        declaration.declared(profile),
        placements.declared(places, languages),
        tuple(languages),
        calendar,
        templates,
    )
    sources = [profile, places, *calendar_sources, *tried]
    rules: dict[str, Rule] = {}
    if declarations.schema.attributes and declarations.placements:
        for path, source in _scripts(folder):
            sources.append(source)
            rule = read_rule(source, path.stem, path.parent.name, declarations)
            if rule is not None:
                _check_rank(rules.values(), rule, source)
            _add(rules, rule, source)
    ordered = {rule_id: rules[rule_id] for rule_id in sorted(rules)}
    rule_set = RuleSet(declarations.schema, ordered, declarations.placements, "", control, calendar)
    rule_set = replace(rule_set, hash=_hash(rule_set))
    return Examined(rule_set, tuple(problem for source in sources for problem in source.problems))


def _hash(rule_set: RuleSet) -> str:
    identities = (f"{rule}={each}" for rule, each in rule_set.identities.items())
    weights = (f"{rule}:{each}" for rule, each in rule_set.weights.items())
    return digest([*identities, *weights])


def _add(rules: dict[str, Rule], rule: Rule | None, source: Source) -> None:
    if rule is None:
        return
    if rule.id in rules:
        source.refuse(None, f"{rule.id} is also the id of {rules[rule.id].path}", "rename one")
    else:
        rules[rule.id] = rule


def _check_rank(known: Iterable[Rule], rule: Rule, source: Source) -> None:
    """Of two banners of one story or exclusive group, the priorities must decide which is shown."""
    for other in known:
        if rule.banner and other.banner and rule.banner.rank == other.banner.rank:
            for word in ("story", "exclusive"):
                name = getattr(rule.banner, word)
                if name is not None and name == getattr(other.banner, word):
                    message = f'has {word}="{name}" and the priority of {other.path}'
                    source.refuse(None, message, "give one of them another priority")


def _scripts(folder: Path) -> Iterator[tuple[Path, Source]]:
    """Every rule script with its source; a path that cannot hold one has a problem as source."""
    for path in _visible(folder):
        if path.suffix == ".py" and path.name not in DECLARATIONS:
            yield path, _refused(path, "a rule stands in the folder of its life situation")
        elif path.is_dir() and path.name not in SKIPPED:
            yield from _situation(path)


def _situation(folder: Path) -> Iterator[tuple[Path, Source]]:
    if folder.is_symlink() or not IDENTIFIER.fullmatch(folder.name):
        yield folder, _refused(folder, "is not a folder of rules", "plain folders, named a-z_")
        return
    for path in _visible(folder):
        if path.suffix == ".py" and not IDENTIFIER.fullmatch(path.stem):
            yield (
                path,
                _refused(path, "the file's name is the rule's id: 3 to 64 of a-z, 0-9 and _"),
            )
        elif path.suffix == ".py":
            yield path, read(path, str(path))
        elif path.is_dir():
            yield path, _refused(path, "a folder of rules holds no folders", "situations are flat")


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(("_", ".")))


def _refused(path: Path, message: str, hint: str = "") -> Source:
    source = Source(str(path))
    source.refuse(None, message, hint)
    return source
