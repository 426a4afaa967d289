"""Migrations: what is known of them without reading them."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from quadrupel.config import migrations_folder
from quadrupel.store import migrations

FOLDER = migrations_folder()


def test_the_names_of_the_files_are_the_revisions_in_their_order():
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    walked = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert migrations.known(FOLDER) == walked[::-1]
