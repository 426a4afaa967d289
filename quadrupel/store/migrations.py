"""The tables' migrations: which the database has, which this version knows, and bringing them up.

Each is a file of the folder, whose name begins with its revision: `0001_first_tables.py`. Read so,
they take no part in how long a process takes to start.
"""

from pathlib import Path

import sqlalchemy as sa

from quadrupel.core.errors import SettingRefused
from quadrupel.store.database import connect, translated_errors


def known(folder: Path) -> list[str]:
    """The revisions that this version knows, the oldest first."""
    return sorted(file.name.partition("_")[0] for file in folder.glob("versions/[0-9]*_*.py"))


def present(connection: sa.Connection) -> str | None:
    """The revision that the database is at; None before its first migration."""
    if connection.execute(sa.text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    found: str | None = connection.execute(
        sa.text("SELECT version_num FROM alembic_version")
    ).scalar()
    return found


def verify(connection: sa.Connection, folder: Path) -> None:
    """Raise SettingRefused if the tables are older than this version needs; newer ones serve it."""
    at, revisions = present(connection), known(folder)
    if at is None:
        raise SettingRefused("the database has no tables yet: run `quadrupel db migrate`")
    if at in revisions[:-1]:
        raise SettingRefused(
            f"the database is at {at}, and this version needs {revisions[-1]}: run"
            " `quadrupel db migrate`"
        )


def migrate(url: str, folder: Path) -> str | None:
    """Bring the tables up to date. Several may do so at once: an advisory lock lets one work.

    Tables of a newer version stay as they are, since they serve this one too; returned is what to
    say of them then, else None.
    """
    # Nobody else needs it, and it takes as long to read as all the rest of this package.
    import alembic.command
    import alembic.config

    revisions = known(folder)
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: connect(url), poolclass=sa.NullPool
    )
    with translated_errors(), engine.begin() as connection:
        at = present(connection)
    if at is not None and at not in revisions:
        return (
            f"the database is at {at}, which this version does not know; it knows {revisions[-1]}"
            " and works with newer tables, so nothing was changed"
        )
    config = alembic.config.Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["url"] = url
    with translated_errors():
        alembic.command.upgrade(config, "head")
    return None
