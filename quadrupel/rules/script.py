"""Rule scripts: from a file's source to a checked Rule.

A script has a description, assignments of literals, one `def matches(user, today)` and examples,
and nothing else. docs/reference/rule-language.md describes it for its authors.
"""

import ast
import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from quadrupel.core.attributes import ADDITIVE, Type
from quadrupel.core.verdicts import Verdict
from quadrupel.rules import literals
from quadrupel.rules.examples import read_examples
from quadrupel.rules.experiments import read_control, read_goal, with_variants
from quadrupel.rules.identity import identity
from quadrupel.rules.offers import Declarations, OfferReader
from quadrupel.rules.outcomes import can_be_unknown, can_match_without
from quadrupel.rules.predicate import Predicate, read_predicate
from quadrupel.rules.problems import suggest
from quadrupel.rules.rule import Email, Example, Rule
from quadrupel.rules.source import Source, parse

WORDS = (
    "owner",
    "tags",
    "banner",
    "email",
    "webhook",
    "once_per",
    "shadow",
    "share",
    "max_match_ratio",
    "control",
    "variants",
    "goal",
    "examples",
)
"""What a script may assign."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """The statements of a script by what they are."""

    description: str
    assigned: Mapping[str, ast.expr]
    function: ast.FunctionDef | None


def read_rule(
    source: Source, rule_id: str, situation: str, declarations: Declarations
) -> Rule | None:
    """The rule that a script describes; None when the source says what is wrong with it."""
    module = parse(source)
    if module is None:
        return None
    parts = _parts(source, module)
    predicate = None
    if parts.function is not None:
        predicate = read_predicate(
            source, declarations.schema, parts.function, declarations.holidays
        )
    reader = _Reader(source, parts.assigned, declarations, predicate)
    rule = reader.rule(rule_id, situation, parts.description)
    return None if source.problems else rule


def _parts(source: Source, module: ast.Module) -> _Parts:
    description = ""
    assigned: dict[str, ast.expr] = {}
    function = None
    for index, statement in enumerate(module.body):
        match statement:
            case ast.Expr(value=ast.Constant(value=str())) if index == 0:
                description = inspect.cleandoc(literals.text(source, statement.value) or "")
            case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                _check_word(source, target, assigned)
                assigned[name] = value
            case ast.FunctionDef(name="matches"):
                if function is not None:
                    source.refuse(statement, "matches is defined twice")
                function = statement
            case _:
                _refuse_statement(source, statement)
    if not description:
        source.refuse(None, "has no description", 'begin it with """What the rule is about."""')
    if function is None:
        source.refuse(None, "has no predicate", "def matches(user, today): return ...")
    return _Parts(description, assigned, function)


def _check_word(source: Source, target: ast.Name, assigned: Mapping[str, ast.expr]) -> None:
    if target.id not in WORDS:
        hint = suggest(target.id, WORDS, "a script has ")
        source.refuse(target, f'a script has no "{target.id}"', hint)
    elif target.id in assigned:
        source.refuse(target, f"{target.id} is assigned twice")


def _refuse_statement(source: Source, statement: ast.stmt) -> None:
    match statement:
        case ast.Import() | ast.ImportFrom():
            hint = "the words of the language need no import"
            source.refuse(statement, "a script is not executed and imports nothing", hint)
        case ast.FunctionDef(name=name):
            hint = suggest(name, ["matches"]) or "a script defines only matches"
            source.refuse(statement, f'a script has no function "{name}"', hint)
        case _:
            hint = "a script has a description, assignments, def matches(user, today) and examples"
            source.refuse(statement, "a script is not executed: this does nothing", hint)


class _Reader:
    """Reads what a script assigns, given its predicate (None if that was refused)."""

    def __init__(
        self,
        source: Source,
        assigned: Mapping[str, ast.expr],
        declarations: Declarations,
        predicate: Predicate | None,
    ) -> None:
        self._source = source
        self._assigned = assigned
        self._declarations = declarations
        self._schema = declarations.schema
        self._predicate = predicate

    def rule(self, rule_id: str, situation: str, description: str) -> Rule | None:
        """The rule, complete only if the source has no problems."""
        source, given = self._source, self._assigned.get
        owner = literals.text(source, self._required("owner"), 100)
        tags = literals.texts(source, given("tags"))
        offers = OfferReader(source, self._declarations)
        banner = offers.banner(given("banner"))
        banner = with_variants(source, offers, banner, given("variants"))
        email = offers.email(given("email"))
        webhook = offers.webhook(given("webhook"))
        once_per = literals.text(source, given("once_per"))
        shown = [*offers.shown, *([(given("once_per"), once_per)] if once_per else [])]
        self._check_shown(shown)
        self._check_template(email, {name for _, name in shown})
        shadow = literals.boolean(source, given("shadow"))
        share = literals.fraction(source, given("share"))
        ratio = literals.fraction(source, given("max_match_ratio"))
        control = read_control(source, given("control"), banner)
        goal = read_goal(source, given("goal"), rule_id)
        examples = self._examples(self._required("examples"))
        if not self._assigned.keys() & {"banner", "email", "webhook"}:
            source.refuse(None, "shows and sends nothing", "add a banner, an email or a webhook")
        if self._predicate is None or source.problems:
            return None
        names = tuple(sorted({name for _, name in shown}))
        return Rule(
            id=rule_id,
            situation=situation,
            path=source.name,
            description=description,
            owner=owner or "",
            tags=tags or (),
            banner=banner,
            email=email,
            webhook=webhook,
            once_per=once_per,
            shadow=bool(shadow),
            share=1.0 if share is None else share,
            max_match_ratio=ratio,
            predicate=self._predicate,
            examples=examples,
            shown=names,
            identity=identity(self._predicate.tree, names, once_per, self._schema),
            control=control,
            goal=goal,
        )

    def _required(self, word: str) -> ast.expr | None:
        if word not in self._assigned:
            self._source.refuse(None, f"has no {word}")
        return self._assigned.get(word)

    def _check_shown(self, shown: Sequence[tuple[ast.expr | None, str]]) -> None:
        """What a match shows must be an attribute that is known whenever the rule matches."""
        for node, name in dict.fromkeys(shown):
            attribute = self._schema.attributes.get(name)
            if attribute is None:
                hint = suggest(name, self._schema.attributes)
                self._source.refuse(node, f'the profile has no attribute "{name}"', hint)
            elif attribute.type is Type.STATISTICS:
                self._source.refuse(node, f"{name} is a keyed statistic, which has no text")
            elif attribute.type is Type.WINDOWED_COUNT:
                hint = "ask it in the predicate: what a match shows stays as it is for days"
                self._source.refuse(node, f"{name} changes as days pass, so it has no text", hint)
            elif attribute.feeds[0].operation not in ADDITIVE and self._can_lack(name):
                message = f"{name} can be missing when the rule matches"
                self._source.refuse(node, message, f"add is_known(user.{name}) to the predicate")

    def _check_template(self, email: Email | None, shown: Collection[str]) -> None:
        """What the template of an e-mail shows must be what the rule hands over."""
        templates = self._declarations.templates
        if email is None or templates is None:
            return
        for name in sorted(set(templates.get(email.template, ())) - set(shown)):
            message = f"the template {email.template} shows {name}, which the rule does not give"
            self._source.refuse(self._assigned["email"], message, f'add values=["{name}"] to Email')

    def _can_lack(self, name: str) -> bool:
        return self._predicate is not None and can_match_without(self._predicate.tree, name)

    def _examples(self, node: ast.expr | None) -> tuple[Example, ...]:
        if node is None:
            return ()
        before = len(self._source.problems)
        examples = read_examples(self._source, node, self._schema)
        if len(self._source.problems) > before:
            return examples
        verdicts = {example.verdict for example in examples}
        needed = [Verdict.MATCH, Verdict.NO_MATCH]
        if self._predicate and can_be_unknown(self._predicate.tree):
            needed.append(Verdict.UNKNOWN)
        for verdict in needed:
            if verdict not in verdicts:
                hint = f'{verdict}(today="2026-11-23", ...)'
                self._source.refuse(node, f"no example of {verdict}", hint)
        return examples
