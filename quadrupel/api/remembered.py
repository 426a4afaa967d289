"""Answers that were rendered: a citizen reads several pages, and is shown the same on them."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

MAX_BYTES = 32 * 1024 * 1024
"""How many bytes of answers a process remembers."""

OVERHEAD = 1_000
"""What an answer takes beside its own bytes, about."""


class Remembered(Generic[Answer]):
    """Answers by all that decides their bytes, the oldest out first."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        # A plain dict would look for its oldest one among all that were put out before.
        self._answers: OrderedDict[Hashable, tuple[Answer, int]] = OrderedDict()
        self.bytes = 0

    def find(self, asked: Hashable) -> Answer | None:
        """The answer to what is asked, if it is remembered."""
        found = self._answers.get(asked)
        return None if found is None else found[0]

    def add(self, asked: Hashable, answer: Answer, size: int) -> None:
        """Remember an answer of so many bytes."""
        self.forget(asked)
        self._answers[asked] = (answer, size + OVERHEAD)
        self.bytes += size + OVERHEAD
        while self.bytes > self._limit:
            _, (_, oldest) = self._answers.popitem(last=False)
            self.bytes -= oldest

    def forget(self, asked: Hashable) -> None:
        """Forget the answer to what is asked, if it is remembered."""
        found = self._answers.pop(asked, None)
        if found is not None:
            self.bytes -= found[1]
