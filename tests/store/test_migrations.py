"""Migrations: what is known of them without reading them."""

import contextlib
import subprocess
import sys
import time

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from quadrupel.config import migrations_folder
from quadrupel.core.errors import SettingRefused
from quadrupel.store import migrations
from quadrupel.store.database import transaction

FOLDER = migrations_folder()


def test_the_names_of_the_files_are_the_revisions_in_their_order():
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    walked = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert migrations.known(FOLDER) == walked[::-1]


def test_tables_of_this_version_or_a_newer_one_serve_it_and_older_ones_do_not(engine):
    def verify(at):
        with transaction(engine) as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :at"), {"at": at})
            migrations.verify(connection, FOLDER)

    newest, older = migrations.known(FOLDER)[-1], migrations.known(FOLDER)[-2]
    verify(newest)
    verify("9999")
    with pytest.raises(SettingRefused, match=f"is at {older}, and this version needs {newest}"):
        verify(older)


MIGRATES = """
import sys
from alembic import command, config
from quadrupel.config import migrations_folder
from quadrupel.store import migrations
print("ready", flush=True)
sys.stdin.readline()
migrations.migrate(sys.argv[1], migrations_folder())
"""


def test_of_two_processes_that_migrate_at_once_one_does_it_and_both_are_content(database_url):
    command = [sys.executable, "-c", MIGRATES, database_url]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(subprocess.Popen(command, **pipes, text=True)) for _ in range(2)
        ]
        for each in both:
            stack.callback(each.kill)
            assert each.stdout.readline() == "ready\n"
        with psycopg.connect(database_url) as connection:  # what holds up whoever begins
            connection.execute("CREATE TABLE alembic_version ()")
            for each in both:
                each.stdin.write("\n")
                each.stdin.flush()
            while waiting(database_url) < 2:
                assert [each.poll() for each in both] == [None, None]
                time.sleep(0.01)
            connection.rollback()
        assert [each.communicate(timeout=60)[1] for each in both] == ["", ""]
        assert [each.returncode for each in both] == [0, 0]


def waiting(url):
    """How many sessions wait for a lock."""
    with psycopg.connect(url) as connection:
        query = """SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'"""
        return connection.execute(query).fetchone()[0]
