"""Rules are tried before anything they say is shown, and held where they misbehave.

A range says nothing any more of users that were skipped: what was counted and not evaluated was.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def measures() -> list[sa.Column[object]]:
    """What a trial counts."""
    return [
        sa.Column("users", sa.BigInteger(), nullable=False, comment="of the sample"),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False, comment="for all users of the sample"),
    ]


def upgrade() -> None:
    op.create_table(
        "rule_trials",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        *measures(),
        sa.Column("held", sa.Boolean(), nullable=False, comment="so it says nothing of the usual"),
        sa.PrimaryKeyConstraint("rule", "as_of", "identity"),
    )
    op.create_table(
        "rule_holds",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False, comment="the reason with its numbers"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="the day it was tried for"),
        *measures(),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("rule", "identity"),
        sa.CheckConstraint("state IN ('held', 'released', 'discarded')", name="rule_holds_state"),
    )
    op.drop_column("run_ranges", "skipped")


def downgrade() -> None:
    skipped = sa.Column("skipped", sa.BigInteger(), comment="users that needed no evaluation")
    op.add_column("run_ranges", skipped)
    op.drop_table("rule_holds")
    op.drop_table("rule_trials")
