"""Outages: when a channel that does not answer is tried again, so that nobody hammers it.

A channel is out after FAILURES failures in a row with no answer between. From then on nothing is
handed to it until its pause is over; then a few messages try whether it is back, and the pause
doubles if it is not. What waits for a channel that is out has not used up an attempt.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES = 5
PROBES = 5
SHORTEST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(slots=True)
class _Trouble:
    failures: int = 0
    pauses: int = 0
    until: datetime | None = None


class Outages:
    """What one worker knows of its channels. Every time is given, no clock is read."""

    def __init__(self) -> None:
        self._troubles: dict[str, _Trouble] = {}

    def answered(self, channel: str) -> None:
        """The channel took or refused a message: it is not out."""
        self._troubles.pop(channel, None)

    def failed(self, channel: str, now: datetime) -> bool:
        """The channel did not answer. Returns whether a new pause begins with this."""
        trouble = self._troubles.setdefault(channel, _Trouble())
        trouble.failures += 1
        if trouble.failures < FAILURES and trouble.until is None:
            return False
        if trouble.until is not None and now < trouble.until:
            return False
        trouble.until = now + min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(trouble.pauses, 10))
        trouble.pauses += 1
        return True

    def is_out(self, channel: str, now: datetime) -> bool:
        """Whether the channel has failed so often that nothing is handed to it now."""
        trouble = self._troubles.get(channel)
        return trouble is not None and trouble.until is not None and now < trouble.until

    def allowance(self, channel: str, now: datetime, limit: int) -> int:
        """How many of `limit` messages may be handed to the channel: all, a few, or none."""
        trouble = self._troubles.get(channel)
        if trouble is None or trouble.until is None:
            return limit
        return 0 if now < trouble.until else min(limit, PROBES)

    def back_at(self, channel: str, now: datetime) -> datetime:
        """When something may be handed to the channel again: now, or at the end of its pause."""
        trouble = self._troubles.get(channel)
        return now if trouble is None or trouble.until is None else max(trouble.until, now)
