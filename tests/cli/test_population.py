import csv
import subprocess
import sys

import typer
from typer.testing import CliRunner

from quadrupel.bus.event_codec import decode_event
from quadrupel.cli.contacts import COLUMNS
from quadrupel.cli.population import population

app = typer.Typer()
app.command()(population)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_each_line_is_an_event():
    result = run("--users", "20", "--today", "2026-11-23")
    assert result.exit_code == 0
    found = [decode_event(line) for line in result.stdout_bytes.splitlines()]
    assert len({event.subject for event in found}) == 20


def test_the_same_options_print_the_same_bytes():
    options = ("--users", "20", "--seed", "3", "--today", "2026-11-23")
    assert run(*options).stdout_bytes == run(*options).stdout_bytes


def test_contacts_are_written_beside_the_events(tmp_path):
    file = tmp_path / "contacts.csv"
    run("--users", "5", "--contacts", str(file))
    with file.open() as lines:
        rows = csv.DictReader(lines)
        assert tuple(rows.fieldnames) == COLUMNS
        assert [row["user_id"] for row in rows] == [f"c000000{number}" for number in range(1, 6)]


def test_wrong_options_are_named():
    for options in (("--users", "-1"), ("--users", "many"), ("--today", "yesterday")):
        result = run(*options)
        assert result.exit_code == 2
        assert options[0] in result.stderr


def test_a_reader_that_has_enough_is_no_error():
    program = (
        "from quadrupel.cli.population import population\n"
        "population(users=10**6, seed=1, today=None, contacts=None)"
    )
    command = f"{sys.executable} -c '{program}' | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert decode_event(result.stdout.encode())
    assert result.stderr == ""
