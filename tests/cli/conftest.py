"""The command line, called as the shell calls it."""

import os
import sys
from dataclasses import dataclass

import pytest

from quadrupel.cli import output
from quadrupel.cli.main import main


@dataclass(frozen=True)
class Called:
    """What a command did: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def quadrupel(monkeypatch, capsys, tmp_path):
    """Call `quadrupel` with arguments, with no settings but the given ones."""
    for name in list(os.environ):
        if name.startswith("QUADRUPEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("QUADRUPEL_DATA_DIR", str(tmp_path / "nobody-runs-here"))
    monkeypatch.setenv("COLUMNS", "200")  # for the usage errors of Typer
    for each in (output.console, output.errors):
        monkeypatch.setattr(each, "width", 200)

    def call(*arguments, **settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"QUADRUPEL_{name.upper()}", str(value))
        monkeypatch.setattr(sys, "argv", ["quadrupel", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        captured = capsys.readouterr()
        return Called(code, captured.out, captured.err)

    return call
