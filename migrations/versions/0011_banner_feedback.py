"""What citizens did with banners is kept beside their profiles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"

ACTIONS = ("seen", "clicked", "dismissed")


def upgrade() -> None:
    times = [
        sa.Column(f"{end}_{action}", sa.DateTime(timezone=True), nullable=True)
        for action in ACTIONS
        for end in ("first", "last")
    ]
    op.create_table(
        "banner_feedback",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        *times,
        sa.PrimaryKeyConstraint("user_id", "rule", "episode"),
    )
    op.create_index(
        "banner_feedback_dismissed",
        "banner_feedback",
        ["user_id"],
        postgresql_where=sa.text("last_dismissed IS NOT NULL"),
    )
    op.alter_column(
        "published",
        "banners",
        existing_type=JSONB(),
        existing_nullable=False,
        comment="[[rule, {attribute: text}, episode, clients], ...] in order; the last two if any",
    )


def downgrade() -> None:
    op.alter_column(
        "published",
        "banners",
        existing_type=JSONB(),
        existing_nullable=False,
        comment="[[rule, {attribute: text}], ...] in order",
    )
    op.drop_table("banner_feedback")
