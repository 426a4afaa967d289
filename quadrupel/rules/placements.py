"""The declaration of placements: `rules/placements.py`, where banners can be shown, and how many.

main = Placement("The top of every page", limit={"web": 3, "ios": 1})
sidebar = Placement("The column beside every page", limit=4, clients=["web"])
"""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quadrupel.core.banners import CLIENTS, in_order
from quadrupel.rules.links import read_link
from quadrupel.rules.literals import Arguments, integer, mapping, text, texts, word_call
from quadrupel.rules.problems import suggest
from quadrupel.rules.source import Source, parse
from quadrupel.rules.texts import MAX_TEXT, MAX_TITLE, placeholders, read_texts

FILE_NAME = "placements.py"
MAX_LIMIT = 50

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a placement shows to whom it shows nothing else. `text` may be empty."""

    link: str
    title: Mapping[str, str]
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Placement:
    """A place for banners; of one citizen's so many are shown at a time on each of its clients."""

    name: str
    doc: str
    limits: Mapping[str, int]
    fallback: Fallback | None = None

    @property
    def clients(self) -> tuple[str, ...]:
        """The clients that have it."""
        return tuple(self.limits)


def clients_of(placements: Iterable[Placement]) -> tuple[str, ...]:
    """The clients that have any of the placements."""
    return in_order({client for each in placements for client in each.clients})


def declared(source: Source, languages: Sequence[str] = ()) -> Mapping[str, Placement]:
    """The placements that are declared rightly; the source holds what is wrong with the others.

    The texts of fallbacks must be there in all `languages`.
    """
    module = parse(source)
    placements: dict[str, Placement] = {}
    for statement in module.body if module else []:
        placement = _placement(source, statement, languages)
        if placement is not None and placement.name in placements:
            source.refuse(statement, f"{placement.name} is declared twice")
        elif placement is not None:
            placements[placement.name] = placement
    if not placements and not source.problems:
        source.refuse(None, "declares no placement", 'main = Placement("...", limit=3)')
    return placements


def _placement(source: Source, statement: ast.stmt, languages: Sequence[str]) -> Placement | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return None
        case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
            if not _NAME.fullmatch(name):
                source.refuse(target, f'"{name}" is not a name for a placement')
            found = word_call(source, value, ("Placement",))
            return _read(source, name, found[1], languages) if found else None
        case _:
            hint = 'main = Placement("The top of every page", limit=3)'
            source.refuse(statement, "a declaration is a list of assignments", hint)
            return None


def _read(source: Source, name: str, call: ast.Call, languages: Sequence[str]) -> Placement | None:
    before = len(source.problems)
    arguments = Arguments(source, call, ("doc", "limit", "clients", "fallback"), positional=1)
    doc = text(source, arguments.required("doc"))
    limits = _limits(source, arguments.required("limit"), arguments.optional("clients"))
    fallback = _fallback(source, arguments.optional("fallback"), languages)
    if doc is None or len(source.problems) > before:
        return None
    return Placement(name, doc, limits, fallback)


def _limits(source: Source, limit: ast.expr | None, clients: ast.expr | None) -> Mapping[str, int]:
    """How many banners each client shows: the same number on all of them, or one for each."""
    if isinstance(limit, ast.Dict):
        if clients is not None:
            hint = "leave clients out, or write limit=3"
            source.refuse(clients, "the limit says already which clients there are", hint)
        return _each(source, limit)
    hint = 'or by client: {"web": 3, "ios": 1}'
    number = integer(source, limit, 1, MAX_LIMIT, hint)
    names = CLIENTS if clients is None else texts(source, clients) or ()
    if isinstance(clients, ast.List | ast.Tuple):
        _check_clients(source, clients, clients.elts)
    return {} if number is None else dict.fromkeys(in_order({*names}), number)


def _each(source: Source, limit: ast.Dict) -> Mapping[str, int]:
    _check_clients(source, limit, limit.keys)
    found: dict[str, int] = {}
    for client, node in mapping(source, limit).items():
        hint = f'leave "{client}" out if it shows nothing there'
        number = integer(source, node, 1, MAX_LIMIT, hint)
        if number is not None:
            found[client] = number
    return {client: found[client] for client in in_order({*found})}


def _check_clients(source: Source, whole: ast.expr, names: Sequence[ast.expr | None]) -> None:
    """Refuse names of no client, and none at all."""
    for node in names:
        name = node.value if isinstance(node, ast.Constant) else None
        if isinstance(name, str) and name not in CLIENTS:
            hint = suggest(name, CLIENTS, "the clients are ")
            source.refuse(node, f'there is no client "{name}"', hint)
    if not names:
        hint = f"the clients are {', '.join(CLIENTS)}"
        source.refuse(whole, "a placement that no client has shows nothing to anybody", hint)


def _fallback(source: Source, node: ast.expr | None, languages: Sequence[str]) -> Fallback | None:
    found = word_call(source, node, ("Banner",))
    if found is None:
        return None
    arguments = Arguments(source, found[1], ("link", "title", "text"))
    link = read_link(source, arguments.required("link"))
    titles = _plain_texts(source, arguments.required("title"), MAX_TITLE, languages)
    further = _plain_texts(source, arguments.optional("text"), MAX_TEXT, languages)
    return Fallback(link, titles, further) if link else None


def _plain_texts(
    source: Source, node: ast.expr | None, limit: int, languages: Sequence[str]
) -> Mapping[str, str]:
    """Texts as they are shown: without a citizen there are no values, so no braces with a name."""
    found = read_texts(source, node, limit, languages)
    for written in found.values():
        for name in placeholders(written):
            message = f"a fallback is shown to whoever it is: it has no {{{name}}}"
            source.refuse(node, message, "{{ stands for a brace")
            return {}
    return {language: written.format() for language, written in found.items()}
