"""A loop whose time passes at once: what waits an hour for its turn is there in a moment."""

import asyncio
import selectors


class _Selector(selectors.DefaultSelector):
    """Lets the time pass that it is asked to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout is not None:
            self.now += timeout
        return found


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Nothing takes time in it but what waits, and that as long as it says to the second."""

    def __init__(self) -> None:
        self._passing = _Selector()
        super().__init__(self._passing)

    def time(self) -> float:
        """Seconds since it began."""
        return self._passing.now
