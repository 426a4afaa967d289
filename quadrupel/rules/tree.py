"""The typed tree of a predicate: what every reading of a rule reads, and nothing else does.

Local names, `if` and `return`, chained comparisons and periods are gone from it, and every node
has its type checked. A missing input makes a node unknown: an operation of which an operand is
unknown is unknown, except `And`, `Or`, `Not` and `If`, which follow Kleene's logic, and
`IsKnown`. Operands are asked from left to right and no further than the answer needs, so an error
in a part that was not asked is no error. Parts may be shared: a tree is a graph without cycles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Literal

Comparison = Literal["<", "<=", ">", ">=", "==", "!="]
Calculation = Literal["+", "-", "*", "/", "//", "%"]
Field = Literal["count", "sum", "first", "last"]


TURNED: Mapping[Comparison, Comparison] = {
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
    "==": "==",
    "!=": "!=",
}
"""What a comparison is when its sides change places."""


class Kind(StrEnum):
    """The type of a node. The last four stand only inside an expression, never for its result."""

    DATE = "date"
    DATETIME = "datetime"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    PERIOD = "period"
    STATISTICS = "statistics"
    STATISTIC = "statistic"
    WINDOWED_COUNT = "windowed_count"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is written: lines from 1, columns from 0 in characters, the end not included."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in the rule. A decimal is a float, as everywhere in predicates."""

    value: date | int | float | bool | str
    kind: Kind
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Today:
    """The user's day."""

    kind: Literal[Kind.DATE] = Kind.DATE
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Input:
    """An attribute. `adds_up`: it counts or sums events, so without a value it is 0, not unknown.

    `values` are those a text is declared to have, if any.
    """

    name: str
    kind: Kind
    adds_up: bool = False
    values: tuple[str, ...] = field(default=(), compare=False)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Keyed:
    """One key of a keyed statistic. Gone from a finished tree."""

    attribute: str
    key: str
    kind: Literal[Kind.STATISTIC] = Kind.STATISTIC
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class KeyedField:
    """`count` (integer), `sum` (decimal), `first` or `last` (datetime) of a key of a statistic.

    Of a key that never occurred count and sum are 0, first and last unknown. Of a statistic that
    has a name, `statistic`, the key includes it.
    """

    attribute: str
    key: str
    name: Field
    kind: Kind
    place: Place | None = field(default=None, compare=False)
    statistic: str | None = field(default=None, compare=False)

    @property
    def own_key(self) -> str:
        """The key without the name of its statistic."""
        return self.key if self.statistic is None else self.key[: -1 - len(self.statistic)]

    @property
    def written(self) -> str:
        """As rules write it, without `user.`: `orders["passport"].count`."""
        word: str = self.name
        if self.statistic is not None:
            word = self.statistic if word == "count" else f"{word}_{self.statistic}"
        return f'{self.attribute}["{self.own_key}"].{word}'


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `quadrupel.rules.functions`."""

    function: str
    arguments: tuple["Node", ...]
    kind: Kind
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+ - * // %` of two integers or, `//` and `%` excepted, `+ - * /` of two decimals.

    An integer beyond 64 bits, a decimal that is not finite and a division by 0 are errors.
    """

    operator: Calculation
    left: "Node"
    right: "Node"
    kind: Kind
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of two nodes of one kind; texts and booleans only with == and !=."""

    operator: Comparison
    left: "Node"
    right: "Node"
    kind: Literal[Kind.BOOLEAN] = Kind.BOOLEAN
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether the operand is one of some constants of its kind."""

    operand: "Node"
    constants: tuple[Constant, ...]
    kind: Literal[Kind.BOOLEAN] = Kind.BOOLEAN
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Unknown stays unknown."""

    operand: "Node"
    kind: Literal[Kind.BOOLEAN] = Kind.BOOLEAN
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """False if a part is false, else unknown if one is unknown. Stops at the first false part."""

    parts: tuple["Node", ...]
    kind: Literal[Kind.BOOLEAN] = Kind.BOOLEAN
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Or:
    """True if a part is true, else unknown if one is unknown. Stops at the first true part."""

    parts: tuple["Node", ...]
    kind: Literal[Kind.BOOLEAN] = Kind.BOOLEAN
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class If:
    """One of two nodes of one kind.

    While the condition is unknown both are asked; the answer is theirs if they agree, else unknown.
    """

    condition: "Node"
    then: "Node"
    otherwise: "Node"
    kind: Kind
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class IsKnown:
    """Whether the operand is known; itself never unknown."""

    operand: "Node"
    kind: Literal[Kind.BOOLEAN] = Kind.BOOLEAN
    place: Place | None = field(default=None, compare=False)


Node = (
    Constant
    | Today
    | Input
    | Keyed
    | KeyedField
    | Call
    | Arithmetic
    | Compare
    | OneOf
    | Not
    | And
    | Or
    | If
    | IsKnown
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly under this one, in the order in which they are asked."""
    match node:
        case Call():
            return node.arguments
        case Arithmetic() | Compare():
            return node.left, node.right
        case OneOf() | Not() | IsKnown():
            return (node.operand,)
        case And() | Or():
            return node.parts
        case If():
            return node.condition, node.then, node.otherwise
        case _:
            return ()


def over(node: Node, below: tuple[Node, ...]) -> Node:
    """The node with other nodes under it, as many as before."""
    match node:
        case And() | Or():
            return replace(node, parts=below)
        case Not() | OneOf() | IsKnown():
            return replace(node, operand=below[0])
        case If():
            return replace(node, condition=below[0], then=below[1], otherwise=below[2])
        case Compare() | Arithmetic():
            return replace(node, left=below[0], right=below[1])
        case Call():
            return replace(node, arguments=below)
        case _:
            return node


def walk(node: Node) -> Iterator[Node]:
    """The node and all under it, a shared one as often as it is used."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


def inputs(node: Node) -> tuple[str, ...]:
    """The names of the attributes that the tree reads, sorted."""
    names = set()
    for each in walk(node):
        if isinstance(each, Input):
            names.add(each.name)
        elif isinstance(each, KeyedField):
            names.add(each.attribute)
    return tuple(sorted(names))


def measure(node: Node) -> tuple[int, int]:
    """How many nodes the tree has when shared ones are written out, and how deep it is.

    Takes time by the nodes as they are, shared, however many they are written out.
    """
    known: dict[int, tuple[int, int]] = {}

    def of(each: Node) -> tuple[int, int]:
        if id(each) not in known:
            below = [of(child) for child in children(each)]
            size = 1 + sum(size for size, _ in below)
            known[id(each)] = size, 1 + max((depth for _, depth in below), default=0)
        return known[id(each)]

    return of(node)
