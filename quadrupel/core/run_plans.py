"""Which users a run evaluates: those that are due, or everybody.

Between two days a verdict changes only on its deadline, which is kept with what is published. A
rule that is new or has changed has no deadline with anybody yet: it is asked of everybody once. The
rules that everybody was asked are the covered ones: those of the last run over all users, where
nothing was published since by a set that has another rule of that name, or none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum


class RunKind(StrEnum):
    """Whom a run evaluates: the users due; everybody, because rules changed; or just everybody."""

    DUE = "due"
    RULES = "rules"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run does. `changed` are the rules, added ones included, that are not covered.

    `removed` are those that somebody was asked and that exist no more: their matches are closed.
    """

    kind: RunKind
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def plan_run(
    asked: Collection[Mapping[str, object]], current: Mapping[str, object], *, full: bool = False
) -> RunPlan:
    """Plan a run from what the rules are, by id: in the sets that were `asked`, and in force.

    `asked` are the set of the last run over everybody and those by which something was published
    since then; there are none where nobody was evaluated yet.
    """

    def is_covered(id_: str) -> bool:
        return bool(asked) and all(before.get(id_) == current[id_] for before in asked)

    changed = tuple(sorted(id_ for id_ in current if not is_covered(id_)))
    removed = tuple(sorted({id_ for before in asked for id_ in before} - current.keys()))
    if full or not asked:
        return RunPlan(RunKind.FULL, changed, removed)
    return RunPlan(RunKind.RULES if changed or removed else RunKind.DUE, changed, removed)
