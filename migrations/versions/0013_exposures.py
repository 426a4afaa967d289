"""Of rules that are tried or have a goal is kept for whom they began to hold, and in which arm."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "exposures",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column(
            "arm", sa.Text(), nullable=False, comment="control, shown, or the variant's name"
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "shown_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the banner first found a place",
        ),
        sa.Column(
            "goal_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the rule's goal was reached first",
        ),
        sa.PrimaryKeyConstraint("user_id", "rule", "episode"),
    )


def downgrade() -> None:
    op.drop_table("exposures")
