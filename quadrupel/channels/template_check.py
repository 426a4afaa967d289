"""What a template may contain: texts, placeholders, conditions, the two filters, a layout.

A template is a text with holes, not a program. Loops, macros, attributes, calls and arithmetic
are refused when the template is loaded, so that rendering always ends, is never longer than
the files and the values, and reaches nothing but the values.
"""

from dataclasses import dataclass
from types import CodeType

import babel.numbers
from jinja2 import TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment

RESERVED = frozenset({"portal", "language", "subject", "unsubscribe"})
"""What every template knows beside the message's values."""

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Extends,
    nodes.Block,
)

_COMPARISONS = frozenset({"eq", "ne", "in", "notin"})

_WORDS: dict[type[nodes.Node], str] = {
    nodes.For: "a loop",
    nodes.Macro: "a macro",
    nodes.Call: "a call",
    nodes.Getattr: "an attribute",
    nodes.Getitem: "an index",
    nodes.Include: "an include",
    nodes.Import: "an import",
    nodes.FromImport: "an import",
    nodes.Assign: "an assignment",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that has the `problems`, each as `:LINE: what`; else its placeholders and its code."""

    problems: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    code: CodeType | None = None


def check(
    environment: SandboxedEnvironment, path: str, source: str, shared: frozenset[str]
) -> Checked:
    """Everything wrong in one file, or what it compiles to. `shared`: the layouts it may extend."""
    try:
        tree = environment.parse(source, path)
        problems = [
            f":{node.lineno}: {problem}"
            for node in tree.find_all(nodes.Node)
            if (problem := _problem(node, environment, shared, is_layout="/" not in path))
        ]
        if problems:
            return Checked(tuple(problems))
        names = frozenset(find_undeclared_variables(tree))
        return Checked(names=names, code=environment.compile(tree, path))
    except TemplateSyntaxError as error:
        return Checked((f":{error.lineno}: {error.message}",))
    except RecursionError:
        return Checked((":1: the template is nested too deeply",))


def _problem(
    node: nodes.Node, environment: SandboxedEnvironment, shared: frozenset[str], *, is_layout: bool
) -> str | None:
    if not isinstance(node, _ALLOWED):
        word = _WORDS.get(type(node), type(node).__name__.lower())
        return f"{word} is not allowed: a template has texts, placeholders, conditions, a layout"
    if isinstance(node, nodes.Extends):
        target = node.template.value if isinstance(node.template, nodes.Const) else None
        if is_layout or target not in shared:
            return f"extends must name a layout: {', '.join(sorted(shared)) or 'there is none'}"
    if isinstance(node, nodes.Filter):
        return _filter_problem(node)
    if isinstance(node, nodes.Test) and node.name not in environment.tests:
        return f"there is no test {node.name}; there is `is defined`"
    if isinstance(node, nodes.Compare) and not _COMPARISONS.issuperset(
        operand.op for operand in node.ops
    ):
        return "texts are compared by ==, != and in only"
    return None


def _filter_problem(node: nodes.Filter) -> str | None:
    arguments = [each.value if isinstance(each, nodes.Const) else None for each in node.args]
    plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs)
    if node.name == "day":
        return None if plain and not arguments else "day takes no argument: {{ name | day }}"
    if node.name == "money":
        known = [each for each in arguments if babel.numbers.is_currency(str(each))]
        if plain and len(arguments) == len(known) == 1:
            return None
        return 'money takes a currency of ISO 4217: {{ name | money("EUR") }}'
    return f"there is no filter {node.name}; there are day and money"
