"""Garbage: when so many events are bad that the stream is wrong, and not a few of its events.

Dead letters are for single mistakes. When a source system sends garbage, putting it all aside
would bury what matters under it; so the stage stops instead, and a person looks.
"""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 1_000
MOST_BAD = 100
"""More bad ones than this among the last WINDOW events are garbage; missing ones count as good."""
IN_A_ROW = 100
"""So many bad ones in a row are garbage."""


@dataclass(slots=True)
class Judge:
    """Is told the outcome of each event in order, and says when they are garbage.

    A judge who was told to let them pass says nothing until the share of bad events is healthy
    again.
    """

    _seen: int = 0
    _in_a_row: int = 0
    _bad: deque[int] = field(default_factory=deque)  # the numbers of bad ones among the last WINDOW
    _armed: bool = True

    def good(self, count: int = 1) -> None:
        """So many events were good."""
        if count:
            self._seen += count
            self._in_a_row = 0

    def bad(self) -> str | None:
        """One event was bad. Returns why the events are garbage, if they are."""
        self._armed = self.is_armed()
        self._seen += 1
        self._in_a_row += 1
        self._bad.append(self._seen)
        return self._finding() if self._armed else None

    def is_armed(self) -> bool:
        """Whether garbage would be found: not from `let_pass` on until the share is healthy."""
        return self._armed or self._finding() is None

    def is_clean(self) -> bool:
        """Whether none of the last events was bad, so that further good ones change nothing."""
        self._forget()
        return not self._bad

    def let_pass(self) -> None:
        """Find nothing until the share is healthy: among events to come, so all before are bad."""
        self._bad = deque(range(self._seen - WINDOW + 1, self._seen + 1))
        self._armed = False

    def copy(self) -> "Judge":
        """Another judge, who was told the same."""
        return Judge(self._seen, self._in_a_row, self._bad.copy(), self._armed)

    def _finding(self) -> str | None:
        self._forget()
        if self._in_a_row >= IN_A_ROW:
            return f"{self._in_a_row} messages in a row were bad"
        if len(self._bad) > MOST_BAD:
            return f"{len(self._bad)} of the last {WINDOW:,} messages were bad"
        return None

    def _forget(self) -> None:
        while self._bad and self._bad[0] <= self._seen - WINDOW:
            self._bad.popleft()
