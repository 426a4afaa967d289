"""The handbook of the rules: pages of HTML that say, by life situation, who is told what and when.

For people who own rules and do not read scripts. The pages stand alone: no script, no address but
each other's, one style sheet inside each. The templates are in `pages/`.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from quadrupel.core.attributes import Attribute, Schema
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.experiment_words import goal_words
from quadrupel.rules.rule import Example, Rule
from quadrupel.rules.value_forms import told
from quadrupel.rules.words import Sentence, Words

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule as a page tells it. `matching`: how many users it holds for now, None if unknown."""

    rule: Rule
    title: str
    condition: Sentence
    inputs: tuple[Attribute, ...]
    matching: int | None


@dataclass(frozen=True, slots=True)
class Situation:
    """The rules of one life situation, on one page."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def page(self) -> str:
        """The name of the page's file."""
        return f"{self.name}.html"

    @property
    def title(self) -> str:
        """The name in words: "Taxes and fines"."""
        return self.name.replace("_", " ").capitalize()


def pages(
    rule_set: RuleSet, languages: Sequence[str], counts: Mapping[str, int] | None = None
) -> dict[str, str]:
    """The handbook as HTML by file name: an index, and a page per life situation.

    `counts` says how many users each rule holds for now; a rule that is not in it holds for none.
    """
    situations = _situations(rule_set, languages[0], counts)
    environment = _environment(rule_set.schema)
    shared = {"situations": situations, "languages": languages, "hash": rule_set.hash}
    found = {INDEX: environment.get_template("index.html").render(shared, here=None)}
    template = environment.get_template("situation.html")
    for situation in situations:
        found[situation.page] = template.render(shared, here=situation)
    return found


def _situations(
    rule_set: RuleSet, language: str, counts: Mapping[str, int] | None
) -> list[Situation]:
    words = Words(rule_set.schema)
    entries: dict[str, list[Entry]] = {}
    for rule in rule_set.rules.values():
        title = rule.banner.title.get(language, "") if rule.banner else ""
        entry = Entry(
            rule,
            title or _plain(rule.description.partition("\n")[0]),
            words.sentence(rule.predicate.tree),
            tuple(rule_set.schema[name] for name in rule.inputs),
            None if counts is None else counts.get(rule.id, 0),
        )
        entries.setdefault(rule.situation, []).append(entry)
    return [Situation(name, tuple(entries[name])) for name in sorted(entries)]


def _environment(schema: Schema) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = lambda text: _marked(text, schema)
    environment.filters["values"] = _values
    environment.filters["goal"] = goal_words
    return environment


def _marked(text: str, schema: Schema) -> Markup:
    """A text in which the attributes that stand in braces are set off, each with what it is."""
    marked = Markup()
    for written, name, _, _ in string.Formatter().parse(text):
        marked += escape(written)
        if name is not None:
            doc = schema[name].doc if name in schema.attributes else ""
            words = name.replace("_", " ")
            marked += Markup('<var title="{}">{}</var>').format(doc, words)
    return marked


def _plain(text: str) -> str:
    """A text that is no template, as one: its braces are doubled."""
    return text.replace("{", "{{").replace("}", "}}")


def _values(example: Example) -> list[tuple[str, str]]:
    """The values of an example as texts."""
    return [(name.replace("_", " "), told(value)) for name, value in example.values.items()]
