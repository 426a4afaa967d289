"""Which users a run evaluates: those that are due, or everybody.

Between two days a verdict changes only on its deadline, which is kept with what is published. A
rule that is new or has changed has no deadline with anybody yet: it is asked of everybody once. The
rules that everybody was asked are the covered ones: those of the last run over all users.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class RunKind(StrEnum):
    """Whom a run evaluates: the users due; everybody, because rules changed; or just everybody."""

    DUE = "due"
    RULES = "rules"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run does. `changed` are the rules, added ones included, that are not covered yet.

    `removed` are those that are covered and exist no more: their matches are closed.
    """

    kind: RunKind
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def plan_run(
    covered: Mapping[str, str] | None, current: Mapping[str, str], *, full: bool = False
) -> RunPlan:
    """Plan a run from the identities of the rules, by id: the covered ones and those in force.

    `covered` is None where nobody was evaluated yet.
    """
    before = covered or {}
    changed = tuple(sorted(id_ for id_ in current if before.get(id_) != current[id_]))
    removed = tuple(sorted(before.keys() - current.keys()))
    if full or covered is None:
        return RunPlan(RunKind.FULL, changed, removed)
    return RunPlan(RunKind.RULES if changed or removed else RunKind.DUE, changed, removed)
