"""Migrations: what is known of them without reading them."""

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
