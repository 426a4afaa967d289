"""Benchmarks take what the package has: they run by hand, and would notice last that it moved."""

import ast
import importlib
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


def taken(file: Path) -> list[tuple[str, str]]:
    """The modules of the package that a file imports from, each with a name."""
    return [
        (node.module, name.name)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "quadrupel"
        for name in node.names
        if node.module
    ]


def test_there_are_benchmarks() -> None:
    assert sum(len(taken(file)) for file in FILES) > 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_benchmark_imports_what_there_is(file: Path) -> None:
    missing = []
    for module, name in taken(file):
        if hasattr(importlib.import_module(module), name):
            continue
        try:
            importlib.import_module(f"{module}.{name}")
        except ImportError:
            missing.append(f"{module}.{name}")
    assert not missing
