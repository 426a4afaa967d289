import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from quadrupel.cli.output import errors, print_json, print_json_line, print_json_list, progress

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
