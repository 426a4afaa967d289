"""What is published says when it is due again and which rules hold; rules have numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    due_on = sa.Column(
        "due_on",
        sa.Date(),
        nullable=False,
        server_default="1970-01-01",
        comment="the first day on which a verdict can change; the default: not known, so at once",
    )
    op.add_column("published", due_on)
    held = sa.Column(
        "held",
        sa.ARRAY(sa.BigInteger()),
        nullable=False,
        server_default="{}",
        comment="a bit for each rule that holds, by rule_numbers, 64 in a word",
    )
    op.add_column("published", held)
    op.create_index("published_due", "published", ["due_on", "user_id"])
    op.create_table(
        "rule_numbers",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="from 0, never used again"),
        sa.PrimaryKeyConstraint("rule"),
        sa.UniqueConstraint("number", name="rule_numbers_number"),
    )
    op.create_table(
        "rule_sets",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("identities", JSONB(), nullable=False, comment="{rule: identity}"),
        sa.PrimaryKeyConstraint("hash"),
    )


def downgrade() -> None:
    op.drop_table("rule_sets")
    op.drop_table("rule_numbers")
    op.drop_index("published_due", "published")
    op.drop_column("published", "held")
    op.drop_column("published", "due_on")
