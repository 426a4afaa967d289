"""Contacts have a telephone number and a time zone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("contacts", sa.Column("phone", sa.Text(), nullable=True, comment="E.164"))
    op.add_column(
        "contacts",
        sa.Column("time_zone", sa.Text(), nullable=True, comment="a name of the IANA database"),
    )


def downgrade() -> None:
    op.drop_column("contacts", "time_zone")
    op.drop_column("contacts", "phone")
