import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from rich.console import Console
from rich.table import Table

from quadrupel.cli.output import (
    errors,
    print_json,
    print_json_line,
    print_json_list,
    print_table,
    progress,
)

VALUES = {
    "at": datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=3))),
    "day": date(2026, 11, 23),
    "owed": Decimal("500.50"),
}
TOLD = {"at": "2026-11-23T10:00:00Z", "day": "2026-11-23", "owed": "500.5"}


@pytest.mark.parametrize(
    "write", [print_json, print_json_line, lambda each: print_json_list([each])]
)
def test_times_are_spelt_in_one_way(write, capsys) -> None:
    write(VALUES | {"now": datetime(2026, 1, 1, tzinfo=UTC)})
    told = json.loads(capsys.readouterr().out)
    expected = TOLD | {"now": "2026-01-01T00:00:00Z"}
    assert told in (expected, [expected])


@pytest.mark.parametrize("total", [None, 2])
def test_no_bar_is_drawn_where_there_is_no_terminal(total, capsys) -> None:
    assert not errors.is_terminal
    with progress("sending", total) as advance:
        advance(2)
    assert capsys.readouterr().err == ""


KEY = "c0000015/rule:fine_discount_ending/2026-11-30/email"


def shown(width, key=KEY, *, terminal=True):
    """The lines of a table with that key, on a terminal of the width or in a pipe."""
    table = Table("key", "state", "error", "updated")
    table.add_row(key, "suppressed", "the mail server did not take it, " * 3, "2026-11-30T07:00")
    file = io.StringIO()
    to = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    print_table(table, whole=("key", "state"), minor=("updated",), to=to)
    return file.getvalue().splitlines()


def cells(lines, column):
    """The text of a column, over all lines of its row."""
    return "".join(each.split("│")[column + 1].strip() for each in lines if each.startswith("│"))


def test_a_key_is_whole_where_it_fits_and_minor_columns_give_way():
    lines = shown(90)
    assert KEY in lines[3]
    assert "updated" not in lines[1]
    assert max(map(len, lines)) <= 90
    assert "updated" in shown(250)[1]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_nothing_of_a_key_is_missing_on_a_narrow_terminal(width):
    for key in (KEY, KEY.replace("c0000015", "c" * 200)):
        lines = shown(width, key)
        assert cells(lines, 0) == key
        assert cells(lines, 1) == "suppressed"


def test_in_a_pipe_a_row_is_a_line():
    lines = shown(80, terminal=False)
    assert len([each for each in lines if each.startswith("│")]) == 1
    assert KEY in lines[3]
    assert "2026-11-30T07:00" in lines[3]
