"""A run may be of the users of one time zone, and the zones that users have are found quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    zone = sa.Column(
        "zone", sa.Text(), nullable=True, comment="the time zone whose users it is of; null: of all"
    )
    op.add_column("runs", zone)
    op.create_index(
        "contacts_time_zone",
        "contacts",
        ["time_zone", "user_id"],
        postgresql_where=sa.text("time_zone IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("contacts_time_zone", "contacts")
    op.drop_column("runs", "zone")
