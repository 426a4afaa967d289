"""Problems: what is wrong in a script, where, and how to mend it."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quadrupel.core.errors import DeclarationRefused

EXCERPT_WIDTH = 100
MAX_WORD = 80


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, at one place of one file.

    `line` and `column` count from 1, the column in characters; line 0 is the file as a whole.
    `excerpt` is the line itself, of which `width` characters are meant.
    """

    path: str
    line: int
    column: int
    message: str
    hint: str = ""
    excerpt: str = ""
    width: int = 1

    def __str__(self) -> str:
        """The problem as lines of text: place and message, the line with a caret, the hint."""
        if not self.line:
            lines = [f"{self.path}: {self.message}"]
        else:
            lines = [f"{self.path}:{self.line}:{self.column}: {self.message}", *self._picture()]
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)

    def _picture(self) -> list[str]:
        start = self.column - 1
        first = max(0, min(start - EXCERPT_WIDTH // 2, len(self.excerpt) - EXCERPT_WIDTH))
        shown = self.excerpt[first : first + EXCERPT_WIDTH].replace("\t", " ")
        margin = len(shown) - len(shown.lstrip())
        margin = min(margin, start - first)
        width = max(1, min(self.width, len(shown) - (start - first)))
        return [f"    {shown[margin:]}", " " * (4 + start - first - margin) + "^" * width]


def refusal(problems: Iterable[Problem]) -> DeclarationRefused:
    """The error that lists all problems, in the order of files and lines, and counts them."""
    ordered = sorted(problems)
    count = f"{len(ordered)} problem{'s' if len(ordered) != 1 else ''}"
    return DeclarationRefused("\n".join([*(str(problem) for problem in ordered), count]))


def suggest(word: str, words: Iterable[str], listing: str = "") -> str:
    """A hint for a word that is none of `words`: the nearest one, or else all of them.

    `listing` introduces the list; without it there is no hint where no word is near.
    """
    known: Sequence[str] = sorted(words)
    near = difflib.get_close_matches(word[:MAX_WORD], known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"{listing}{', '.join(known)}" if listing and known else ""
