"""Runs migrations on a plain connection, under a lock, waiting for no table longer than some seconds."""

import psycopg
import sqlalchemy as sa
from alembic import context

from quadrupel.store.database import changing_tables
from quadrupel.store.tables import metadata

MIGRATION_LOCK = 0x7175_6164  # "quad"


def run() -> None:
    url = context.config.attributes["url"]
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
    )
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        with changing_tables(connection):
            context.configure(connection=connection, target_metadata=metadata)
            with context.begin_transaction():
                context.run_migrations()


run()
