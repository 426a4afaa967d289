"""Python's operators as the language's, and words for the syntax that the language lacks."""

import ast
from collections.abc import Mapping

from quadrupel.rules.tree import Calculation, Comparison

COMPARISONS: Mapping[type[ast.cmpop], Comparison] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}

CALCULATIONS: Mapping[type[ast.operator], Calculation] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}

_WORDS: Mapping[type[ast.AST], str] = {
    ast.AnnAssign: "annotation of a local name",
    ast.Assert: "assert",
    ast.Assign: "assignment but to one name",
    ast.AsyncFunctionDef: "async",
    ast.AugAssign: "assignment like += (write name = name + 1)",
    ast.BitAnd: "& (write and)",
    ast.BitOr: "| (write or)",
    ast.BitXor: "^ (write !=)",
    ast.ClassDef: "class",
    ast.Delete: "del",
    ast.Dict: "mapping in an expression",
    ast.DictComp: "comprehension",
    ast.Expr: "statement that only computes",
    ast.For: "loop",
    ast.FunctionDef: "function inside a function",
    ast.GeneratorExp: "generator",
    ast.Global: "global",
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.In: "in",
    ast.Invert: "~ (write not)",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.JoinedStr: "f-string",
    ast.Lambda: "lambda",
    ast.List: "list, except after in",
    ast.ListComp: "comprehension",
    ast.Match: "match statement",
    ast.NamedExpr: "assignment in an expression",
    ast.NotIn: "not in",
    ast.Pass: "pass",
    ast.Pow: "power",
    ast.Raise: "raise",
    ast.Set: "set, except after in",
    ast.SetComp: "comprehension",
    ast.Starred: "unpacking",
    ast.Try: "try",
    ast.Tuple: "tuple, except after in",
    ast.UAdd: "sign +",
    ast.While: "loop",
    ast.With: "with",
}


def describe(node: ast.AST) -> str:
    """A word for syntax, as an author knows it."""
    return _WORDS.get(type(node), type(node).__name__)
