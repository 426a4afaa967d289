"""What a member of a group was delivered and did not acknowledge yet: the same for every bus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from quadrupel.core.errors import AssignmentLost
from quadrupel.core.ports import Message


@dataclass(slots=True)
class Outstanding:
    """Per partition the first offset delivered and the one after the last, and what was lost.

    A partition is lost when it moves to another member before it was acknowledged. That it once
    was lost is remembered until it is reported, even when the partition has come back since.
    """

    topic: str
    group: str
    first: dict[int, int] = field(default_factory=dict)
    after: dict[int, int] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)

    def add(self, messages: Sequence[Message]) -> None:
        """Take note of delivered messages, in order per partition."""
        last = {message[1]: message[2] for message in messages}
        first = {message[1]: message[2] for message in reversed(messages)}
        self.first = first | self.first
        self.after |= {partition: offset + 1 for partition, offset in last.items()}

    def acknowledged(self, partitions: Iterable[int]) -> None:
        """Forget what was committed."""
        for partition in list(partitions):
            self.first.pop(partition, None)
            self.after.pop(partition, None)

    def lose(self, partitions: Iterable[int]) -> dict[int, int]:
        """Mark what is outstanding of these partitions as lost; return their first offsets."""
        gone = {part: self.first[part] for part in partitions if part in self.first}
        self.lost.update(gone)
        self.acknowledged(gone)
        return gone

    def take_back(self) -> dict[int, int]:
        """Forget what is outstanding, so that it is delivered again from the offsets returned."""
        first = dict(self.first)
        self.acknowledged(first)
        return first

    def report_lost(self) -> None:
        """Raise AssignmentLost, once, when something was lost."""
        if self.lost:
            names = ", ".join(map(str, sorted(self.lost)))
            self.lost.clear()
            raise AssignmentLost(
                f"partitions {names} of {self.topic} left this member of {self.group} before they "
                "were committed; drop the batch, their next owner is delivered it again"
            )
