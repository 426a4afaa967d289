"""The texts of a banner: languages, lengths, and the attributes that stand in braces in them."""

import ast
import re
import string
from collections.abc import Mapping, Sequence

from quadrupel.rules.literals import mapping, text
from quadrupel.rules.source import Source

MAX_TITLE = 200
MAX_TEXT = 1000

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")


def read_texts(
    source: Source, node: ast.expr | None, limit: int, languages: Sequence[str]
) -> Mapping[str, str]:
    """A text by language, in all the required languages at least."""
    if node is None:
        return {}
    found: dict[str, str] = {}
    for language, value in mapping(source, node).items():
        if not _LANGUAGE.fullmatch(language):
            source.refuse(node, f'"{language}" is not a language', 'like "en" or "pt-BR"')
        written = text(source, value, limit)
        if written is not None and _braces_pair(source, value, written):
            found[language] = written
    if isinstance(node, ast.Dict):
        given = {key.value for key in node.keys if isinstance(key, ast.Constant)}
        for language in languages:
            if language not in given:
                source.refuse(node, f'the text in "{language}" is missing')
    return found


def placeholders(written: str) -> tuple[str, ...]:
    """The names in braces, in their order: "by {day}" has day. ValueError if braces do not pair."""
    names: list[str] = []
    for _, name, form, conversion in string.Formatter().parse(written):
        if name is not None:
            if form or conversion:
                raise ValueError(f"a name in braces has no format: {{{name}}}")
            names.append(name)
    return tuple(dict.fromkeys(names))


def _braces_pair(source: Source, node: ast.expr, written: str) -> bool:
    try:
        placeholders(written)
    except ValueError as error:
        source.refuse(node, f"braces: {error}", "{attribute} stands for its value, {{ for a brace")
        return False
    return True
