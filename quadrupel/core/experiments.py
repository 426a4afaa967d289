"""Experiments: who is kept from what a rule offers, who reads which variant, and what is wanted.

Nothing is drawn and nothing is stored to know a user's arm: it follows from a hash of the user and
the rule. So publish, every API process and a report agree, and a text that is edited rewrites no
banner set. Hashes for control groups, for variants and for `share` have nothing to do with each
other.

What came of it is kept by exposures, see `quadrupel.core.exposures`.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from quadrupel.core.attributes import Scalar
from quadrupel.core.events import Event

CONTROL = "control"
"""The arm of those who are shown and sent nothing."""
SHOWN = "shown"
"""The arm of all others, of a rule without variants."""
ARMS = (CONTROL, SHOWN)
"""What no variant may be called."""

_BITS = 52
_POINTS: int = 2**_BITS
_EVERYBODY = ""
"""Stands for the id of a rule where a group is drawn from all users for all rules."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is tried with a rule: `control` and `common_control` are shares of the users.

    The first are kept from what this rule offers, the second from what all rules do together.
    `variants` are names with the shares of those who are not kept from it; none: all read the same.
    """

    rule: str
    control: float = 0.0
    common_control: float = 0.0
    variants: tuple[tuple[str, float], ...] = ()

    def keeps_from(self, user_id: str) -> bool:
        """Whether the user is in one of the two control groups.

        A share that grows keeps everybody in the group and takes others in.
        """
        if self.common_control and _point(CONTROL, _EVERYBODY, user_id) < self.common_control:
            return True
        return self.control > 0 and _point(CONTROL, self.rule, user_id) < self.control

    def arm_of(self, user_id: str) -> str:
        """CONTROL, the name of the user's variant, or SHOWN."""
        if self.keeps_from(user_id):
            return CONTROL
        return variant_of(self.rule, user_id, self.variants) or SHOWN


def variant_of(rule: str, user_id: str, variants: Sequence[tuple[str, float]]) -> str | None:
    """Which of some variants, names with shares, the user reads; None if there are none.

    It is a race of exponential clocks, one for each variant, which runs as fast as its share is
    large: the first one to ring is chosen, so each with the probability of its share. Whoever
    moves when shares change moves to a variant that grew or from one that shrank, so nobody moves
    in vain; the order of variants does not matter. This is the logarithmic method of Schindelhauer
    and Schomaker, "Weighted distributed hash tables", SPAA 2005.
    """
    if not variants:
        return None
    rings = [(-math.log(_point(name, rule, user_id)) / share, name) for name, share in variants]
    return min(rings)[1]


def _point(of: str, rule: str, user_id: str) -> float:
    """A number between 0 and 1, and neither of them, the same for ever for the same three."""
    digest = hashlib.blake2b(f"{of}\0{rule}\0{user_id}".encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> (64 - _BITS)) + 0.5) / _POINTS


@dataclass(frozen=True, slots=True)
class Goal:
    """The event that a rule wants: its type, what members of its data must be, and how soon.

    It counts if it happened after the exposure, and no more than `within` days after it.
    """

    rule: str
    event: str
    where: tuple[tuple[str, Scalar], ...] = ()
    within: int = 30

    def is_met_by(self, event: Event) -> bool:
        """Whether the event is the one, whenever it happened."""
        return event.type == self.event and event.has(self.where)


Goals = Mapping[str, Sequence[Goal]]
"""Goals by the type of their events."""
NO_GOALS: Goals = MappingProxyType({})


def by_event(goals: Iterable[Goal]) -> Goals:
    """The goals by the type of their events."""
    found: dict[str, list[Goal]] = {}
    for goal in goals:
        found.setdefault(goal.event, []).append(goal)
    return found
