"""Profiles say whether their user is erased."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # The default is a constant, so no row is written: an instant ADD COLUMN.
    op.add_column(
        "profiles",
        sa.Column(
            "erased",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="nothing is left of the user but this row, and nobody but ingest reads it",
        ),
    )


def downgrade() -> None:
    op.drop_column("profiles", "erased")
