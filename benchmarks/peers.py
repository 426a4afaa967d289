"""Rules for other engines: a predicate as an expression of ZEN, or of Google's CEL.

Days are integers for all engines, and what depends on today alone is computed beforehand and given
as a variable, so the peers are spared all calendar arithmetic. A rule that needs calendar
arithmetic on an attribute is not for them. The peers have no three-valued logic: a rule asks first
whether its inputs are there.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from quadrupel.core.profiles import Profile
from quadrupel.rules.columnar import column_name
from quadrupel.rules.explain import read_clauses
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.python_text import Leaf
from quadrupel.rules.tree import (
    And,
    Arithmetic,
    Call,
    Compare,
    Constant,
    If,
    Input,
    IsKnown,
    KeyedField,
    Kind,
    Node,
    Not,
    OneOf,
    Or,
    Today,
    walk,
)

_TODAY = Today()


class NotExpressible(Exception):
    """The rule needs something that the peers do not have."""


@dataclass
class Translation:
    """Rules as expressions over variables. `today` holds the variables that are the same for all.

    `leaves` are the inputs by the name of their variable.
    """

    language: str
    expressions: dict[str, str] = field(default_factory=dict)
    today: dict[str, Any] = field(default_factory=dict)
    leaves: dict[str, Leaf] = field(default_factory=dict)

    def add(self, rule: str, predicate: Predicate, day: date) -> None:
        """Translate one more rule. Raises NotExpressible."""
        text = self._text(predicate.tree, day)
        nodes = list(walk(predicate.tree))
        asked = {column_name(each.operand) for each in nodes if isinstance(each, IsKnown)}
        gaps = [each for each in nodes if isinstance(each, Leaf) and _can_lack(each)]
        names = [self._variable(leaf) for leaf in gaps if column_name(leaf) not in asked]
        guards = [f"{name} != null" for name in dict.fromkeys(names)]
        glue = " and " if self.language == "zen" else " && "
        self.expressions[rule] = glue.join([*guards, f"({text})"])

    def context(self, profile: Profile) -> dict[str, Any]:
        """The variables of one profile."""
        return {name: _value(leaf, profile) for name, leaf in self.leaves.items()} | self.today

    def _variable(self, leaf: Leaf) -> str:
        name = "".join(each if each.isalnum() else "_" for each in column_name(leaf))
        self.leaves[name] = leaf
        return name

    def _text(self, node: Node, day: date) -> str:
        if not any(isinstance(each, Leaf) for each in walk(node)):
            return self._constant(node, day)
        zen = self.language == "zen"
        match node:
            case Input() | KeyedField():
                return self._variable(node)
            case And() | Or():
                word = (
                    ("and" if zen else "&&") if isinstance(node, And) else ("or" if zen else "||")
                )
                return "(" + f" {word} ".join(self._text(each, day) for each in node.parts) + ")"
            case Not():
                return f"{'not ' if zen else '!'}({self._text(node.operand, day)})"
            case If():
                parts = (
                    self._text(each, day) for each in (node.condition, node.then, node.otherwise)
                )
                return "({} ? {} : {})".format(*parts)
            case IsKnown(operand=Input() | KeyedField() as leaf):
                return f"({self._variable(leaf)} != null)"
            case OneOf():
                listed = ", ".join(self._text(each, day) for each in node.constants)
                return f"({self._text(node.operand, day)} in [{listed}])"
            case Compare() | Arithmetic():
                left, right = self._text(node.left, day), self._text(node.right, day)
                return f"({left} {node.operator} {right})"
            case Call():
                return self._call(node, day)
            case _:
                raise NotExpressible

    def _constant(self, node: Node, day: date) -> str:
        """What depends on today alone: a literal, or a variable."""
        if isinstance(node, Constant) and not isinstance(node.value, date):
            if isinstance(node.value, bool):
                return str(node.value).lower()
            return repr(node.value).replace("'", '"')
        value = read_clauses(Predicate(node, ""), {}, day).value
        name = f"today_{len(self.today)}"
        number = value.toordinal() if isinstance(value, date) else value
        known = self.today.items()
        same = [each for each, other in known if type(other) is type(number) and other == number]
        self.today.setdefault(same[0] if same else name, number)
        return same[0] if same else name

    def _call(self, node: Call, day: date) -> str:
        if node.function == "count_within":
            raise NotExpressible  # its input is a list of days
        match node.function, [self._text(each, day) for each in node.arguments]:
            case "days_since", [since]:
                return f"({self._constant(_TODAY, day)} - {since})"
            case "days_until", [until]:
                return f"({until} - {self._constant(_TODAY, day)})"
            case "days_between", [later, earlier]:
                return f"({later} - {earlier})"
            case "add_days", [start, number]:
                return f"({start} + {number})"
            case "to_decimal", [number]:
                return number if self.language == "zen" else f"double({number})"
            case "day_of", [time]:
                return time  # given as a day
            case _:
                raise NotExpressible


def _can_lack(leaf: Leaf) -> bool:
    return not leaf.adds_up if isinstance(leaf, Input) else leaf.name in ("first", "last")


def _value(leaf: Leaf, profile: Profile) -> Any:
    value: Any = profile.values.get(leaf.name if isinstance(leaf, Input) else leaf.attribute)
    if isinstance(leaf, KeyedField):
        entry = (value or {}).get(leaf.key)
        value = None if entry is None else getattr(entry, leaf.name)
    if value is None:
        return None if _can_lack(leaf) else (0.0 if leaf.kind is Kind.DECIMAL else 0)
    if leaf.kind in (Kind.DATE, Kind.DATETIME):
        return value.toordinal()
    return float(value) if leaf.kind is Kind.DECIMAL else value
