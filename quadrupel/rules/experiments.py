"""Experiments in scripts: `control`, `variants` and `goal` of a rule, and the group of all rules.

    control = 0.1
    variants = {"plain": Variant(share=0.5), "urgent": Variant(share=0.5, title={...})}
    goal = Goal("service.ordered", where={"service": "checkup"}, within=days(30))

`rules/experiments.py`, if it is there, says what share of all users are kept from what all rules
offer: `control = 0.01`.
"""

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from quadrupel.core import lifecycle
from quadrupel.core.experiments import ARMS, Goal
from quadrupel.core.feedback import TYPES as FEEDBACK
from quadrupel.rules import event_words, literals
from quadrupel.rules.literals import Arguments, mapping, word_call
from quadrupel.rules.offers import OfferReader
from quadrupel.rules.rule import Banner, Variant
from quadrupel.rules.source import Source, parse, read
from quadrupel.rules.texts import MAX_TEXT, MAX_TITLE

FILE_NAME = "experiments.py"
MAX_CONTROL = Decimal("0.5")
MAX_VARIANTS = 10
MAX_WITHIN = 366
WITHIN = 30
"""Within how many days a goal counts, if nothing else is said."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_WITHIN = "for example within=days(30)"
_NO_GOALS: Mapping[str, str] = {
    **dict.fromkeys(FEEDBACK, "what citizens do with banners is counted anyway"),
    lifecycle.ERASED: "nothing is counted of a user who is erased",
}


def declared(folder: Path) -> tuple[float, tuple[Source, ...]]:
    """The share of users who are kept from what all rules offer, 0 without the file.

    With it the file's source, if there is one, which holds what is wrong.
    """
    path = folder / FILE_NAME
    if not path.exists() and not path.is_symlink():
        return 0.0, ()
    source = read(path, str(path))
    found = [
        share
        for statement in getattr(parse(source), "body", ())
        if (share := _declared(source, statement)) is not None
    ]
    if len(found) > 1:
        source.refuse(None, "control is declared twice")
    if not found and not source.problems:
        source.refuse(None, "declares no control group", "control = 0.01")
    return (found[0] if found else 0.0), (source,)


def _declared(source: Source, statement: ast.stmt) -> float | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return None
        case ast.Assign(targets=[ast.Name(id="control")], value=value):
            return _share(source, value, zero=False)
        case _:
            source.refuse(statement, "only the control group is declared here", "control = 0.01")
            return None


def read_control(source: Source, node: ast.expr | None, banner: Banner | None) -> float | None:
    """The share of a rule's control group; 0: nobody is kept from it; None: nothing is said."""
    share = _share(source, node, zero=True)
    if share and banner is not None and banner.must_show:
        message = "what must be shown is kept from nobody"
        source.refuse(node, message, "remove control or must_show")
        return None
    return share


def _share(source: Source, node: ast.expr | None, *, zero: bool) -> float | None:
    """A number up to MAX_CONTROL, 0 only where that means something."""
    value = literals.literal(source, node)
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if is_number and 0 <= value <= MAX_CONTROL and (zero or value > 0):  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    if value is not None:
        lowest = "from 0" if zero else "above 0"
        source.refuse(node, f"this must be a number {lowest} to {MAX_CONTROL}", "a tenth is 0.1")
    return None


def with_variants(
    source: Source, offers: OfferReader, banner: Banner | None, node: ast.expr | None
) -> Banner | None:
    """The banner with the variants that `node` writes; as it was where it writes none."""
    if node is None:
        return banner
    written = mapping(source, node)
    found = [_variant(source, offers, name, each, node) for name, each in written.items()]
    variants = [each for each in found if each is not None]
    if isinstance(node, ast.Dict) and not 2 <= len(node.keys) <= MAX_VARIANTS:
        message = f"there are 2 to {MAX_VARIANTS} variants, here {len(node.keys)}"
        source.refuse(node, message, "what is tried is compared with something: add a variant")
    if banner is None or len(variants) != len(written):
        if banner is None and not source.problems:
            source.refuse(node, "variants are of a banner, and the rule has none")
        return banner
    whole = [
        replace(each, title=each.title or banner.title, text=each.text or banner.text)
        for each in variants
    ]
    _check_shares(source, node, whole)
    _check_texts(source, node, whole)
    return replace(banner, variants=tuple(whole))


def _variant(
    source: Source, offers: OfferReader, name: str, node: ast.expr, whole: ast.expr
) -> Variant | None:
    if not _NAME.fullmatch(name):
        source.refuse(whole, f'"{name}" is not a name', "names are 1 to 32 of a-z, 0-9 and _")
    elif name in ARMS:
        source.refuse(whole, f'no variant is called "{name}": reports use the word')
    found = word_call(source, node, ("Variant",))
    if found is None:
        return None
    arguments = Arguments(source, found[1], ("share", "title", "text"))
    share = literals.fraction(source, arguments.required("share"))
    title = offers.texts(arguments.optional("title"), MAX_TITLE)
    text = offers.texts(arguments.optional("text"), MAX_TEXT)
    return None if share is None else Variant(name, share, title, text)


def _check_shares(source: Source, node: ast.expr, variants: Sequence[Variant]) -> None:
    total = math.fsum(each.share for each in variants)
    if variants and not math.isclose(total, 1.0, abs_tol=1e-9):
        hint = "of thirds: 0.334, 0.333 and 0.333"
        source.refuse(node, f"the shares add up to {total:.6g}, not to 1", hint)


def _check_texts(source: Source, node: ast.expr, variants: Sequence[Variant]) -> None:
    """Of two that say the same one is not what its author means."""
    seen: dict[str, str] = {}
    for each in variants:
        other = seen.setdefault(repr([_ordered(each.title), _ordered(each.text)]), each.name)
        if other != each.name:
            hint = "give one of them a title or a text of its own"
            source.refuse(node, f"{each.name} says what {other} says", hint)


def _ordered(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(texts.items())


def read_goal(source: Source, node: ast.expr | None, rule_id: str) -> Goal | None:
    """What the rule is for; None without one, or when the source says what is wrong."""
    if node is None:
        return None
    if isinstance(node, ast.Constant):
        event = event_words.event_type(source, node)
        where, within = {}, WITHIN
    else:
        found = word_call(source, node, ("Goal",))
        if found is None:
            return None
        arguments = Arguments(source, found[1], ("event", "where", "within"), positional=1)
        event = event_words.event_type(source, arguments.required("event"))
        where = dict(event_words.where(source, arguments.optional("where")))
        days = literals.days(source, arguments.optional("within"), MAX_WITHIN, _WITHIN)
        within = WITHIN if days is None else days
    hint = _NO_GOALS.get(event or "")
    if hint is not None:
        source.refuse(node, f"{event} is no goal", hint)
        return None
    return Goal(rule_id, event, tuple(where.items()), within) if event else None
