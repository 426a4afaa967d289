"""The declaration of placements: `rules/placements.py`, where banners can be shown, and how many.

main = Placement("The top of every page", limit=3)
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from quadrupel.rules.literals import Arguments, integer, text, word_call
from quadrupel.rules.source import Source, parse

FILE_NAME = "placements.py"
MAX_LIMIT = 50

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


@dataclass(frozen=True, slots=True)
class Placement:
    """A place for banners; at most `limit` of one citizen's are shown there at a time."""

    name: str
    doc: str
    limit: int


def declared(source: Source) -> Mapping[str, Placement]:
    """The placements that are declared rightly; the source holds what is wrong with the others."""
    module = parse(source)
    placements: dict[str, Placement] = {}
    for statement in module.body if module else []:
        placement = _placement(source, statement)
        if placement is not None and placement.name in placements:
            source.refuse(statement, f"{placement.name} is declared twice")
        elif placement is not None:
            placements[placement.name] = placement
    if not placements and not source.problems:
        source.refuse(None, "declares no placement", 'main = Placement("...", limit=3)')
    return placements


def _placement(source: Source, statement: ast.stmt) -> Placement | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return None
        case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
            if not _NAME.fullmatch(name):
                source.refuse(target, f'"{name}" is not a name for a placement')
            found = word_call(source, value, ("Placement",))
            return _read(source, name, found[1]) if found else None
        case _:
            hint = 'main = Placement("The top of every page", limit=3)'
            source.refuse(statement, "a declaration is a list of assignments", hint)
            return None


def _read(source: Source, name: str, call: ast.Call) -> Placement | None:
    arguments = Arguments(source, call, ("doc", "limit"), positional=1)
    doc = text(source, arguments.required("doc"))
    limit = integer(source, arguments.required("limit"), 1, MAX_LIMIT)
    return Placement(name, doc, limit) if doc and limit else None
