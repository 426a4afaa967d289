"""Predicates: `def matches(user, today)`, or an expression, as one typed tree.

Statements are written out: a local name stands for the expression it was given, `if` becomes a
condition over what either branch returns, and a path that returns nothing is refused.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from quadrupel.core.attributes import Schema
from quadrupel.rules import build
from quadrupel.rules.check import Checker, Names, TooLarge
from quadrupel.rules.functions import WORDS
from quadrupel.rules.holidays import NO_HOLIDAYS, Holidays
from quadrupel.rules.problems import refusal
from quadrupel.rules.source import Source, parse
from quadrupel.rules.syntax import describe
from quadrupel.rules.tree import Node, inputs

MAX_BRANCHES = 40
PARAMETERS = {"user": "User", "today": "date"}
"""The parameters of a predicate, and the annotation each may have."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on a user and a day; `inputs` are the attributes it reads."""

    tree: Node
    text: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the attributes that the predicate reads, sorted."""
        return inputs(self.tree)


def parse_expression(text: str, schema: Schema, holidays: Holidays = NO_HOLIDAYS) -> Predicate:
    """A predicate written as one expression: `age(user.birth_date) >= 18`.

    Raises DeclarationRefused with every problem.
    """
    source = Source("expression", text.strip())
    module = parse(source)
    tree = None
    if module is not None:
        if len(module.body) == 1 and isinstance(module.body[0], ast.Expr):
            tree = _guarded(Checker(source, schema, holidays), module.body[0].value)
        else:
            source.refuse(None, "this is not one expression", "age(user.birth_date) >= 18")
    if tree is None or source.problems:
        raise refusal(source.problems)
    return Predicate(tree, source.text)


def read_predicate(
    source: Source,
    schema: Schema,
    function: ast.FunctionDef,
    holidays: Holidays = NO_HOLIDAYS,
) -> Predicate | None:
    """The predicate that a script defines; None when the source says what is wrong with it."""
    _check_signature(source, function)
    reader = _Body(source, Checker(source, schema, holidays))
    try:
        tree = reader.block(function.body, {}, function)
    except TooLarge:
        return None
    reader.refuse_unreached(function)
    if tree is None:
        return None
    lines = source.lines[function.lineno - 1 : function.end_lineno]
    return Predicate(tree, "\n".join(lines))


def _guarded(checker: Checker, expression: ast.expr) -> Node | None:
    try:
        return checker.condition(expression, {})
    except TooLarge:
        return None


def _check_signature(source: Source, function: ast.FunctionDef) -> None:
    arguments = function.args
    plain = [argument.arg for argument in arguments.args]
    other = arguments.posonlyargs or arguments.kwonlyargs or arguments.vararg or arguments.kwarg
    if plain != list(PARAMETERS) or other or arguments.defaults:
        source.refuse(function, "the predicate is def matches(user, today):")
    for argument in arguments.args:
        written = argument.annotation
        if written is not None and ast.unparse(written) != PARAMETERS.get(argument.arg):
            hint = "def matches(user: User, today: date) -> bool:"
            source.refuse(written, f"{ast.unparse(written)} is not the type of this", hint)
    if function.decorator_list:
        source.refuse(function.decorator_list[0], "a predicate has no decorators")
    if function.returns is not None and ast.unparse(function.returns) != "bool":
        source.refuse(function.returns, "a predicate returns bool")


class _Body:
    """Reads the statements of one predicate, along every path through them."""

    def __init__(self, source: Source, checker: Checker) -> None:
        self._source = source
        self._checker = checker
        self._reached: set[ast.stmt] = set()

    def block(
        self, statements: Sequence[ast.stmt], names: Names, inside: ast.stmt, branches: int = 0
    ) -> Node | None:
        """What is returned by statements that are run one after the other, inside of another."""
        for index, statement in enumerate(statements):
            self._checker.count_step()
            self._reached.add(statement)
            match statement:
                case ast.Return(value=value):
                    return self._returned(statement, value, names)
                case ast.If():
                    return self._if(statement, statements[index + 1 :], names, branches + 1)
                case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                    self._check_local(target)
                    names = {**names, name: self._checker.expression(value, names)}
                case ast.Expr(value=ast.Constant(value=str())):
                    continue
                case _:
                    self._source.refuse(statement, f"a predicate has no {describe(statement)}")
        at = statements[-1] if statements else inside
        self._source.refuse(at, "a path through this returns nothing", "end it with return False")
        return None

    def refuse_unreached(self, function: ast.FunctionDef) -> None:
        """Refuse the statements that no path comes to: nothing has checked them."""
        pending: list[ast.stmt] = list(function.body)
        while pending:
            statement = pending.pop()
            if statement not in self._reached:
                self._source.refuse(statement, "no path comes here", "remove it")
            elif isinstance(statement, ast.If):
                pending += [*statement.body, *statement.orelse]

    def _returned(self, at: ast.stmt, value: ast.expr | None, names: Names) -> Node | None:
        if value is None:
            self._source.refuse(at, "return what? True or False", "return False")
            return None
        return self._checker.condition(value, names)

    def _if(
        self, statement: ast.If, rest: Sequence[ast.stmt], names: Names, branches: int
    ) -> Node | None:
        if branches > MAX_BRANCHES:
            self._source.refuse(statement, f"more than {MAX_BRANCHES} branches", "split the rule")
            raise TooLarge
        asked = self._checker.condition(statement.test, names)
        then = self.block([*statement.body, *rest], names, statement, branches)
        otherwise = self.block([*statement.orelse, *rest], names, statement, branches)
        if asked is None or then is None or otherwise is None:
            return None
        place = self._source.place(statement)
        return self._checker.bounded(statement, build.conditional(asked, then, otherwise, place))

    def _check_local(self, target: ast.Name) -> None:
        if target.id in PARAMETERS or target.id in WORDS:
            message = f"{target.id} is a word of the language, not a local name"
            self._source.refuse(target, message, "choose another name")
