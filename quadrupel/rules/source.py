"""The text of a script and its syntax tree, and the limits that keep hostile files harmless.

A script is untrusted text. It is bounded in bytes, tokens and nesting before Python's parser sees
it, and it is only ever parsed: nothing here compiles, imports or executes it.
"""

import ast
import io
import re
import stat
import tokenize
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from quadrupel.core.fields import MAX_INTEGER
from quadrupel.rules.problems import Problem
from quadrupel.rules.tree import Place

MAX_BYTES = 64 * 1024
MAX_TOKENS = 10_000
MAX_BRACKETS = 40
MAX_DEPTH = 100
MAX_PROBLEMS = 50
MAX_MESSAGE = 300

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTE = re.compile(r"['\"]")
_RAW = re.compile(r"[a-z]?r", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = frozenset("\n\\'\"abfnrtvxNuU01234567")
"""What may stand behind the backslash of an escape."""

_CODING = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*(?!utf-?8\b)([-\w.]+)", re.IGNORECASE)


class Source:
    """A script's text, and the problems found in it so far.

    `name` is the path as problems show it. The same problem at the same place is kept once, and
    no more than MAX_PROBLEMS are kept.
    """

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        self.text = text
        self.lines = text.split("\n")
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything refused so far."""
        return tuple(self._problems)

    def refuse(self, node: ast.AST | None, message: str, hint: str = "") -> None:
        """Record that something is wrong with `node`, or with the file when it is None."""
        if node is None or not hasattr(node, "lineno"):
            self._add(Problem(self.name, 0, 0, _shortened(message), hint))
            return
        place = self.place(node)
        last = place.end_column
        if place.end_line != place.line:
            last = len(self._line(place.line))
        self.refuse_at(place.line, place.column, message, hint, last - place.column)

    def place(self, node: ast.AST) -> Place:
        """Where a node of this source's tree is written."""
        line, end_line = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        column = self._characters(line, getattr(node, "col_offset", 0))
        return Place(
            line, column, end_line, self._characters(end_line, getattr(node, "end_col_offset", 0))
        )

    def _characters(self, line: int, offset: int) -> int:
        """The column of an offset that Python's parser counts in bytes of UTF-8."""
        return len(self._line(line).encode()[:offset].decode(errors="ignore"))

    def refuse_at(
        self, line: int, column: int, message: str, hint: str = "", width: int = 1
    ) -> None:
        """Record a problem at a line (from 1) and a column (from 0, in characters)."""
        message, excerpt = _shortened(message), self._line(line)
        self._add(Problem(self.name, line, column + 1, message, hint, excerpt, max(1, width)))

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def _add(self, problem: Problem) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems[problem] = None


def _shortened(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "..."


def read(path: Path, name: str) -> Source:
    """Read a script. What cannot be read leaves an empty source with the problem in it."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return _unreadable(name, "is not a regular file", "scripts are plain files, not links")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(name, f"cannot be read: {error.strerror}")
    if len(content) > MAX_BYTES:
        return _unreadable(name, f"is larger than {MAX_BYTES // 1024} KiB", "split it")
    return decode(content, name)


def decode(content: bytes, name: str) -> Source:
    """The source of a script's bytes: UTF-8, with or without a byte order mark, any line ends."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unreadable(name, f"is not UTF-8 in line {line}", "save the file as UTF-8")
    return Source(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def parse(source: Source) -> ast.Module | None:
    """The syntax tree of a script; None when it was refused, for reasons now in the source."""
    if source.problems or not _plain(source) or not _bounded(source):
        return None
    try:
        module = ast.parse(source.text)
    except SyntaxError as error:
        message = (error.msg or "invalid syntax").removesuffix(" (<unknown>, line 1)")
        width = max(1, (error.end_offset or 0) - (error.offset or 0))
        source.refuse_at(error.lineno or 1, max(0, (error.offset or 1) - 1), message, width=width)
        return None
    except (ValueError, RecursionError, MemoryError):
        source.refuse(None, "is nested too deeply to be parsed", "give parts of it names")
        return None
    if _too_deep(module):
        source.refuse(None, f"is nested more than {MAX_DEPTH} deep", "give parts of it names")
        return None
    for node in ast.walk(module):
        if isinstance(node, ast.Constant):
            _check_constant(source, node)
    return None if source.problems else module


def _unreadable(name: str, message: str, hint: str = "") -> Source:
    source = Source(name)
    source.refuse(None, message, hint)
    return source


def _plain(source: Source) -> bool:
    """Whether the text has no invisible characters and no foreign encoding."""
    for number, line in enumerate(source.lines, start=1):
        if found := _INVISIBLE.search(line):
            code = f"U+{ord(found.group()):04X}"
            source.refuse_at(number, found.start(), f"an invisible character, {code}", "remove it")
        if number <= 2 and (coding := _CODING.match(line)):
            source.refuse_at(
                number,
                coding.start(1),
                f"the encoding {coding.group(1)}",
                "scripts are UTF-8: remove the line",
                len(coding.group(1)),
            )
    return not source.problems


def _bounded(source: Source) -> bool:
    """Whether tokens, brackets and names stay in their limits. Reads no further than the first.

    Leaves what is no Python at all to the parser, whose messages are better: behind a forgotten
    quote what looks like a name is a text.
    """
    depth = 0
    names = []
    try:
        for count, token in enumerate(_tokens(source)):
            if token.string in ("(", "[", "{"):
                depth += 1
            elif token.string in (")", "]", "}"):
                depth -= 1
            line, column = token.start
            if depth > MAX_BRACKETS:
                source.refuse_at(line, column, f"more than {MAX_BRACKETS} brackets in each other")
                return False
            if count >= MAX_TOKENS:
                source.refuse_at(line, column, f"more than {MAX_TOKENS} words and signs in a file")
                return False
            if token.type in (tokenize.NAME, tokenize.ERRORTOKEN):
                names.append(token)
            elif token.type == tokenize.STRING:
                _check_escapes(source, token)
    except (tokenize.TokenError, SyntaxError):
        return not source.problems
    for token in names:
        _check_name(source, token)
    return not source.problems


def _tokens(source: Source) -> Iterator[tokenize.TokenInfo]:
    """The words and signs of a script. Raises TokenError or SyntaxError for what is no Python.

    Also for a text without end, of which Python 3.11 goes on to read the words as names.
    """
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.ERRORTOKEN and _QUOTE.search(token.string):
            raise tokenize.TokenError("a text without end")
        yield token


def _check_name(source: Source, token: tokenize.TokenInfo) -> None:
    line, column = token.start
    width = len(token.string)
    foreign = next((letter for letter in token.string if not letter.isascii()), None)
    if foreign is not None:
        name = unicodedata.name(foreign, f"U+{ord(foreign):04X}")
        message = f'"{token.string}" has a letter that is not Latin: {name}'
        source.refuse_at(line, column, message, "names are a-z, 0-9 and _", width)
    elif token.string.startswith("__"):
        message = f'"{token.string}" begins with two underscores'
        source.refuse_at(line, column, message, "no such name is a word of the language", width)


def _check_constant(source: Source, node: ast.Constant) -> None:
    """Refuse what no database, message or page could hold, however it is written."""
    match node.value:
        case str() as text if found := _UNPRINTABLE.search(text):
            code = f"U+{ord(found.group()):04X}"
            source.refuse(
                node, f"a text with a character that cannot be shown, {code}", "remove it"
            )
        case int() as number if number >= MAX_INTEGER:
            source.refuse(node, "this number is too large: it has more than 64 bits")


def _check_escapes(source: Source, token: tokenize.TokenInfo) -> None:
    """Refuse the escapes of which Python would only warn, as it warns the process as a whole."""
    if _RAW.match(token.string):
        return
    for found in _ESCAPE.finditer(token.string):
        if found.group(1) not in _ESCAPED:
            line = token.start[0] + token.string.count("\n", 0, found.start())
            behind = token.string.rfind("\n", 0, found.start())
            column = found.start() - behind - 1 if behind >= 0 else token.start[1] + found.start()
            source.refuse_at(line, column, f"invalid escape sequence {found.group()}", "", 2)


def _too_deep(module: ast.Module) -> bool:
    level: list[ast.AST] = [module]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True
