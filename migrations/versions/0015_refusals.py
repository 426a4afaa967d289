"""What citizens refuse to be sent, apart from contacts, which are replaced as a whole."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "refusals",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="mailings, rule:ID, or * for all"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "channel", "kind"),
    )


def downgrade() -> None:
    op.drop_table("refusals")
