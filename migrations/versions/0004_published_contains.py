"""What is published says up to which event it contains the user's events."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    partition = sa.Column(
        "event_partition",
        sa.Integer(),
        nullable=True,
        comment="all events up to here are contained",
    )
    op.add_column("published", partition)
    op.add_column("published", sa.Column("event_offset", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("published", "event_offset")
    op.drop_column("published", "event_partition")
