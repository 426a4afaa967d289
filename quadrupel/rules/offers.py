"""What a match shows and sends: reads `banner`, `email` and `webhook` of a rule script."""

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from quadrupel.core.attributes import Schema
from quadrupel.rules import literals
from quadrupel.rules.holidays import NO_HOLIDAYS, Holidays
from quadrupel.rules.links import read_link
from quadrupel.rules.literals import Arguments, word_call
from quadrupel.rules.names import IDENTIFIER
from quadrupel.rules.placements import Placement
from quadrupel.rules.problems import suggest
from quadrupel.rules.rule import Banner, Email, Webhook
from quadrupel.rules.source import Source
from quadrupel.rules.texts import MAX_TEXT, MAX_TITLE, placeholders, read_texts

MAX_PRIORITY = 100
MAX_DISMISS_FOR = 3_660

_DISMISS_FOR = "for example dismiss_for=days(30)"
_BANNER = (
    *("placement", "priority", "link", "title", "text"),
    *("exclusive", "story", "must_show", "dismiss_for"),
)


@dataclass(frozen=True, slots=True)
class Declarations:
    """What rule scripts may refer to: attributes, placements, languages of texts, and holidays.

    `templates` says which placeholders each template of an e-mail has; None: it is not known.
    """

    schema: Schema
    placements: Mapping[str, Placement]
    languages: Sequence[str]
    holidays: Holidays = NO_HOLIDAYS
    templates: Mapping[str, Collection[str]] | None = None


class OfferReader:
    """Reads the offers of one script.

    `shown` gathers the names of the attributes that they show, each with the expression that says
    so; whether there are such attributes is for the caller to check.
    """

    def __init__(self, source: Source, declarations: Declarations) -> None:
        self.shown: list[tuple[ast.expr | None, str]] = []
        self._source = source
        self._declarations = declarations

    def banner(self, node: ast.expr | None) -> Banner | None:
        """What a match shows; None without one, or when the source says what is wrong."""
        found = word_call(self._source, node, ("Banner",))
        if found is None:
            return None
        arguments = Arguments(self._source, found[1], _BANNER)
        titles = self.texts(arguments.required("title"), MAX_TITLE)
        texts = self.texts(arguments.optional("text"), MAX_TEXT)
        priority = literals.integer(self._source, arguments.required("priority"), 0, MAX_PRIORITY)
        placement = self._placement(arguments.required("placement"))
        link = read_link(self._source, arguments.required("link"))
        exclusive = self._identifier(arguments.optional("exclusive"))
        story = self._identifier(arguments.optional("story"))
        must_show = bool(literals.boolean(self._source, arguments.optional("must_show")))
        dismiss_for = literals.days(
            self._source, arguments.optional("dismiss_for"), MAX_DISMISS_FOR, _DISMISS_FOR
        )
        if placement is None or link is None or priority is None:
            return None
        return Banner(
            *(placement, priority, link, titles, texts, exclusive, story, must_show, dismiss_for)
        )

    def texts(self, node: ast.expr | None, limit: int) -> Mapping[str, str]:
        """Texts by language, of at most so many characters each; none where there is no node."""
        texts = read_texts(self._source, node, limit, self._declarations.languages)
        for text in texts.values():
            self.shown += [(node, name) for name in placeholders(text)]
        return texts

    def _placement(self, node: ast.expr | None) -> str | None:
        name = literals.text(self._source, node)
        if name is not None and name not in self._declarations.placements:
            hint = suggest(name, self._declarations.placements, "the placements are ")
            self._source.refuse(node, f'there is no placement "{name}"', hint)
        return name

    def email(self, node: ast.expr | None) -> Email | None:
        """The e-mail that it sends; None without one, or when the source says what is wrong."""
        found = word_call(self._source, node, ("Email",))
        if found is None:
            return None
        arguments = Arguments(self._source, found[1], ("template", "values"))
        template = self._identifier(arguments.required("template"))
        values = self._values(arguments.optional("values"))
        templates = self._declarations.templates
        if template is not None and templates is not None and template not in templates:
            hint = suggest(template, templates, "the templates are ")
            self._source.refuse(node, f'there is no template "{template}"', hint)
        return Email(template, values) if template else None

    def webhook(self, node: ast.expr | None) -> Webhook | None:
        """The webhook that it calls; None without one, or when the source says what is wrong."""
        found = word_call(self._source, node, ("Webhook",))
        if found is None:
            return None
        arguments = Arguments(self._source, found[1], ("endpoint", "values"))
        endpoint = self._identifier(arguments.required("endpoint"))
        values = self._values(arguments.optional("values"))
        return Webhook(endpoint, values) if endpoint else None

    def _identifier(self, node: ast.expr | None) -> str | None:
        name = literals.text(self._source, node)
        if name is not None and not IDENTIFIER.fullmatch(name):
            self._source.refuse(
                node, f'"{name}" is not a name', "names are 3 to 64 of a-z, 0-9 and _"
            )
        return name

    def _values(self, node: ast.expr | None) -> tuple[str, ...]:
        names = literals.texts(self._source, node) or ()
        self.shown += [(node, name) for name in names]
        return names
