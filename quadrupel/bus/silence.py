"""How long a group has been silent to a member: what tells a stuck client from a rebalance."""

from dataclasses import dataclass


@dataclass(slots=True)
class Silence:
    """The two silences of a group. Every time is given, in seconds of one clock.

    A client may look for the coordinator for `coordinator_limit` seconds, and a commit may be
    unanswered for `answer_limit`: that is more, since in a rebalance the coordinator answers only
    when the slowest member has come. Neither counts while the brokers themselves are away.
    """

    coordinator_limit: float
    answer_limit: float
    _missing_since: float | None = None
    _asked_at: float | None = None

    def coordinator(self, now: float, *, found: bool) -> None:
        """The client has a coordinator, or looks for one."""
        if found:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now

    def asked(self, now: float) -> None:
        """A commit was sent."""
        if self._asked_at is None:
            self._asked_at = now

    def answered(self) -> None:
        """Every commit that was sent has been answered."""
        self._asked_at = None

    def excused(self, now: float) -> None:
        """The brokers are away: a silence begins now at the earliest."""
        self._missing_since = None if self._missing_since is None else now
        self._asked_at = None if self._asked_at is None else now

    def too_long(self, now: float) -> str | None:
        """What has been silent for longer than it may, as a part of a sentence."""
        if self._missing_since is not None and now - self._missing_since > self.coordinator_limit:
            return f"found no coordinator for {now - self._missing_since:.0f} s"
        if self._asked_at is not None and now - self._asked_at > self.answer_limit:
            return f"had no answer to a commit for {now - self._asked_at:.0f} s"
        return None
