import json
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest

from quadrupel.config import migrations_folder
from quadrupel.portal import create_identity
from quadrupel.store import migrations

RULES = Path(__file__).parents[2] / "rules"
CLOSED = "postgresql://postgres@127.0.0.1:9/x"

WRONG = [
    (("nonsense",), {}, 2, "No such command"),
    (("ingest", "--metrics-port", "many"), {}, 2, "should be a valid integer"),
    (("ingest",), {}, 2, "QUADRUPEL_DATABASE_URL is not set"),
    (("ingest",), {"partitions": "0"}, 2, "QUADRUPEL_PARTITIONS is wrong"),
    (("run", "list"), {"database_url": CLOSED}, 1, "nothing is lost"),
    (("ingest",), {"database_url": CLOSED, "rules": "/nowhere"}, 2, "QUADRUPEL_RULES"),
    (("db", "migrate"), {"database_url": CLOSED}, 1, "the database did not answer"),
    (("bus", "create"), {"partitions": "0"}, 2, "greater than or equal to"),
    (("run", "start", "--as-of", "yesterday"), {}, 2, "not a day"),
    (("run", "start", "--as-of", "2026-02-30"), {}, 2, "not a day"),
    (("run", "start", "--as-of", "2999-01-01"), {"database_url": CLOSED}, 1, "--future"),
    (("run", "list", "--limit", "0"), {}, 2, "greater than or equal to"),
    (("profile", "apply"), {"database_url": CLOSED}, 1, "the database did not answer"),
    (("demo", "--users", "-1"), {}, 2, "greater than or equal to"),
    (("population", "--contacts", "/nowhere/x.csv"), {}, 1, "/nowhere/x.csv: No such file"),
    (("population", "--today", "0001-01-01"), {}, 1, "synthetic users live in the years 1900"),
    (("population", "--today", "9999-12-31"), {}, 1, "synthetic users live in the years 1900"),
    (("send",), {"smtp_url": "smtp://nowhere", "database_url": CLOSED}, 2, "QUADRUPEL_SMTP_URL"),
]


@pytest.mark.parametrize(("arguments", "settings", "code", "says"), WRONG)
def test_what_is_wrong_is_said_and_named(quadrupel, arguments, settings, code, says):
    called = quadrupel(*arguments, **settings)
    assert says in called.err
    assert called.code == code
    assert "Traceback" not in called.err


def test_the_version_is_told_with_the_migration_it_needs(quadrupel):
    told = quadrupel("--version")
    newest = migrations.known(migrations_folder())[-1]
    assert (told.code, told.err) == (0, "")
    assert told.out == f"quadrupel {version('quadrupel')}, migration {newest}\n"


COMMANDS = """
    api audit bus contacts db dead-letters demo evaluate events ingest keys mailing messages
    population profile publish report rules run schedule send status up users
"""


def test_help_names_every_command(quadrupel):
    called = quadrupel("--help")
    assert called.code == 0
    assert all(f" {name} " in called.out for name in COMMANDS.split())


@pytest.mark.parametrize("name", COMMANDS.split())
def test_each_command_has_its_help(quadrupel, name):
    called = quadrupel(name, "--help")
    assert called.code == 0
    assert f"quadrupel {name} " in called.out


def test_a_misspelt_command_is_told_which_one_was_meant(quadrupel):
    assert "Did you mean 'status'?" in quadrupel("statsu").err


@pytest.mark.parametrize("name", ["ingest", "publish", "status", "messages", "--version"])
def test_a_command_reads_no_modules_that_only_others_need(name):
    """Workers start by the dozen, operators wait for each command."""
    program = f"""if True:
        import sys
        from quadrupel.cli.main import tree
        tree({name!r})
        print({{"fastapi", "granian", "uvicorn", "alembic", "mako"}} & {{*sys.modules}} or "none")
    """
    read = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert read.stdout == b"none\n"


def test_a_folder_that_cannot_be_written_is_named(quadrupel, tmp_path):
    (tmp_path / "file").touch()
    called = quadrupel("rules", "docs", "--out", str(tmp_path / "file" / "docs"), rules=RULES)
    assert called.code == 1
    assert f"{tmp_path / 'file' / 'docs'}: Not a directory" in called.err
    assert "Traceback" not in called.err


@pytest.mark.parametrize(
    "command", [("users", "show", "anna"), ("keys", "list"), ("messages", "list"), ("run", "list")]
)
def test_a_database_without_tables_is_told_as_such(quadrupel, database_url, command):
    called = quadrupel(*command, database_url=database_url)
    assert called.code == 1
    assert "does not exist: run `quadrupel db migrate`" in called.err
    assert "Traceback" not in called.err


@pytest.mark.parametrize(
    "command", [["population"], ["rules", "list"], ["rules", "list", "--json"]]
)
def test_a_full_disk_is_told_in_a_sentence(command):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "quadrupel", *command], stdout=full, stderr=subprocess.PIPE
        )
    said = b"quadrupel: not everything could be written: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, said)


def test_ctrl_c_in_long_work_says_that_it_was_interrupted():
    with subprocess.Popen(
        [sys.executable, "-m", "quadrupel", "events", "check", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as checking:
        checking.stdin.write(b"no event\n" * 10_000)
        checking.stdin.flush()
        assert b"not-json" in checking.stderr.readline()
        checking.send_signal(signal.SIGINT)
        said = checking.stderr.read()
        assert checking.wait() == 130
    assert b"quadrupel: interrupted: what was done stays done" in said


@pytest.mark.parametrize("reading", [b"structlog", b"quadrupel.bus.topics"])
def test_ctrl_c_while_modules_are_read_ends_without_a_word(reading):
    """First those of every command, then its own."""
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "quadrupel", "status"], stderr=subprocess.PIPE
    ) as starting:
        while reading not in starting.stderr.readline():
            assert starting.poll() is None
        starting.send_signal(signal.SIGINT)
        said = [line for line in starting.stderr if not line.startswith(b"import time:")]
        assert starting.wait() == 130
    assert said == []


@pytest.fixture
def created(quadrupel, database_url):
    """A database set up command by command, as an operator does it."""
    assert quadrupel("db", "migrate", database_url=database_url).code == 0
    assert quadrupel("profile", "apply").code == 0
    assert quadrupel("bus", "create", partitions=3).code == 0
    return database_url


def test_a_stage_names_what_was_not_created_yet(quadrupel, database_url):
    empty = quadrupel("ingest", database_url=database_url)
    assert empty.code == 2
    assert "the database has no tables yet: run `quadrupel db migrate`" in empty.err
    quadrupel("db", "migrate")
    missing = quadrupel("ingest")
    assert missing.code == 2
    assert "run `quadrupel bus create`" in missing.err
    quadrupel("bus", "create")
    unapplied = quadrupel("ingest")
    assert unapplied.code == 2
    assert "run `quadrupel profile apply`" in unapplied.err


@pytest.mark.parametrize("stage", ["ingest", "evaluate", "publish", "send", "schedule", "api"])
def test_a_stage_with_older_tables_than_it_needs_says_so_and_ends(
    quadrupel, migrated_url, tmp_path, stage
):
    quadrupel("bus", "create", database_url=migrated_url)
    with psycopg.connect(migrated_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0014'")
    keys = create_identity(tmp_path).public_file
    called = quadrupel(stage, jwt_keys=keys, jwt_issuer="portal")
    assert called.code == 2
    assert "the database is at 0014, and this version needs 00" in called.err
    assert "run `quadrupel db migrate`" in called.err


def test_another_number_of_partitions_than_the_settings_say_is_refused(quadrupel, created):
    called = quadrupel("ingest", partitions=4)
    assert called.code == 2
    assert "quadrupel.events has 3 partitions, not 4" in called.err


def test_setting_up_again_changes_nothing(quadrupel, created):
    assert "exists already" in quadrupel("bus", "create").out
    assert "as declared" in quadrupel("profile", "apply").out
    assert json.loads(quadrupel("profile", "apply", "--dry-run", "--json").out)["statements"] == []
    assert set(json.loads(quadrupel("bus", "lag", "--json").out).values()) == {0}


def test_a_run_is_started_listed_shown_and_not_cancelled_after_its_end(quadrupel, created):
    [started] = json.loads(quadrupel("run", "start", "--as-of", "2026-11-23", "--json").out)
    assert (started["state"], started["as_of"]) == ("finished", "2026-11-23")
    [listed] = json.loads(quadrupel("run", "list", "--json").out)
    assert listed == started
    assert started["run"] in quadrupel("run", "status").out
    late = quadrupel("run", "cancel", started["run"])
    assert late.code == 1
    assert "is finished already" in late.err
    assert quadrupel("run", "status", "nothing").code == 1
