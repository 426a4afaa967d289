"""The inputs of turnings: where profiles have them, and what parts of a predicate make of them."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from quadrupel.rules.moments import FIRST, LAST
from quadrupel.rules.python_text import Leaf, Scope, Writer
from quadrupel.rules.tree import Kind, Node, walk

Leaves = Sequence[Any]
Pick = Callable[[Leaves], tuple[Any, ...]]


class Inputs:
    """The inputs of conditions that share them, in the order in which they were first met."""

    def __init__(self) -> None:
        self._scope = Scope()
        self._places: dict[str, int] = {}
        self._days: dict[int, Kind] = {}

    def loader(self) -> Callable[[Any], Leaves]:
        """The function that finds the inputs met so far in a profile's values."""
        names = "".join(f"{name}, " for name in self._places)
        lines = ["def load(values):", "get = values.get", *self._scope.loads, f"return ({names})"]
        code = compile("\n    ".join(lines), "<rules>", "exec")
        exec(code, self._scope.namespace)  # noqa: S102 -- no text of a rule in it
        return cast("Callable[[Any], Leaves]", self._scope.namespace["load"])

    def are_ordinary(self, leaves: Leaves) -> bool:
        """Whether all days among the inputs are so far from the calendar's ends that none ends."""
        for place, kind in self._days.items():
            day = leaves[place]
            if day is not None and kind is Kind.DATETIME:
                day = day.toordinal()
            if day is not None and not FIRST <= day <= LAST:
                return False
        return True

    def names(self, node: Node) -> tuple[str, ...]:
        """The variables of a node's inputs."""
        names: dict[str, None] = {}
        for leaf in walk(node):
            if isinstance(leaf, Leaf):
                name = self._scope.variable(leaf)
                place = self._places.setdefault(name, len(self._places))
                if leaf.kind in (Kind.DATE, Kind.DATETIME):
                    self._days[place] = leaf.kind
                names[name] = None
        return tuple(names)

    def pick(self, node: Node) -> Pick:
        """Picks the inputs of a node from all inputs."""
        places = [self._places[name] for name in self.names(node)]
        if len(places) == 1:
            (place,) = places
            return lambda leaves: (leaves[place],)
        return lambda leaves: tuple([leaves[place] for place in places])

    def value(self, node: Node, names: Sequence[str] | None = None) -> Callable[..., Any]:
        """The value of a node as a function of the day and its inputs, or those of `names`."""
        parameters = ", ".join(["today", *(self.names(node) if names is None else names)])
        text = Writer(self._scope, complete=False).write(node).text
        code = f"lambda {parameters}: {text}"
        return cast("Callable[..., Any]", eval(code, self._scope.namespace))  # noqa: S307 -- as above
