"""The identity of a rule, a hash of what its verdicts come from, and the weight of its banner.

It covers the tree of the predicate, the feeds of every attribute the rule uses, and the names of
those whose values it shows. Texts, comments, local names and the way a script is laid out leave
it alone: who edits those re-evaluates nobody.

The weight covers what arbitration goes by: where the banner belongs, what it gives way to, and to
whom it is shown. Who edits that changes no verdict, and banner sets.
"""

import dataclasses
import hashlib
from collections.abc import Iterable
from enum import StrEnum

from quadrupel.core.attributes import Schema
from quadrupel.rules.placements import Placement
from quadrupel.rules.rule import Rule
from quadrupel.rules.tree import Node, inputs

LANGUAGE = "quadrupel-rules-1"
"""To be changed when the language gives a tree another meaning than before."""


def identity(tree: Node, shown: Iterable[str], once_per: str | None, schema: Schema) -> str:
    """32 hexadecimal digits, the same wherever and whenever the same rule is read."""
    shown = sorted(shown)
    used = sorted({*inputs(tree), *shown, *([once_per] if once_per else [])})
    feeds = [f"{name}={schema[name].feeds_hash}" for name in used]
    return digest([LANGUAGE, canonical(tree), ",".join(shown), once_per or "", *feeds])


def weight(rule: Rule, placement: Placement, common_control: float = 0.0) -> str:
    """What the banner of a rule is arbitrated by: 32 hexadecimal digits, as of an identity.

    `common_control` is the share of the control group of all rules.
    """
    banner = rule.banner
    tried = rule.experiment(common_control)
    # Without control groups it is what it was before there were any.
    control = (tried.control, tried.common_control) if tried else ()
    parts = (
        banner
        and (banner.placement, banner.rank, banner.story, banner.exclusive, banner.dismiss_for),
        (rule.shadow, rule.share, *(control if any(control) else ())),
        sorted(placement.limits.items()),
    )
    return digest(map(canonical, parts))


def digest(parts: Iterable[str]) -> str:
    """A hash of texts, 32 hexadecimal digits."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def canonical(part: object) -> str:
    """A text that is the same for equal nodes, and different for others."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = (field.name for field in dataclasses.fields(part) if field.compare)
        inside = ", ".join(f"{name}={canonical(getattr(part, name))}" for name in fields)
        return f"{type(part).__name__}({inside})"
    if isinstance(part, tuple):
        return f"({', '.join(canonical(each) for each in part)})"
    return part.value if isinstance(part, StrEnum) else repr(part)
