"""The ledger of runs: kinds, a rate and a deadline; leases, cursors and digests of ranges."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"

ASKED_FIRST = "those that everybody is asked for the first time"
KIND = "kind IN ('full', 'due', 'rules')"
STATE = "state IN ('running', 'paused', 'finished', 'cancelled')"
STATE_BEFORE = "state IN ('running', 'finished', 'cancelled')"


def upgrade() -> None:
    kind = sa.Column("kind", sa.Text(), nullable=False, server_default="full")
    op.add_column("runs", kind)
    op.add_column("runs", sa.Column("rules", JSONB(), nullable=True, comment=ASKED_FIRST))
    op.add_column(
        "runs",
        sa.Column(
            "rate", sa.BigInteger(), nullable=True, comment="users per second of all workers"
        ),
    )
    op.add_column(
        "runs",
        sa.Column(
            "deadline",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it should be finished",
        ),
    )
    _check("runs_kind", KIND)
    op.drop_constraint("runs_state", "runs", type_="check")
    _check("runs_state", STATE)
    for column in _of_ranges():
        op.add_column("run_ranges", column)


def downgrade() -> None:
    for column in _of_ranges():
        op.drop_column("run_ranges", column.name)
    op.execute("UPDATE runs SET state = 'running' WHERE state = 'paused'")
    op.drop_constraint("runs_state", "runs", type_="check")
    _check("runs_state", STATE_BEFORE)
    op.drop_constraint("runs_kind", "runs", type_="check")
    for name in ("deadline", "rate", "rules", "kind"):
        op.drop_column("runs", name)


def _check(name: str, condition: str) -> None:
    """Add a check of new rows; no old one can break it, so none is read under the lock."""
    op.execute(f"ALTER TABLE runs ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")


def _of_ranges() -> list[sa.Column]:
    return [
        sa.Column(
            "heartbeat_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the lease lapses 30 s later",
        ),
        sa.Column(
            "cursor",
            sa.Text(collation="C"),
            nullable=True,
            comment="the last user the worker has claimed",
        ),
        sa.Column("changed", sa.BigInteger(), nullable=True, comment="users handed to publish"),
        sa.Column(
            "skipped", sa.BigInteger(), nullable=True, comment="users that needed no evaluation"
        ),
        sa.Column(
            "digest",
            sa.BigInteger(),
            nullable=True,
            comment="of the verdicts, summed up modulo 2^64",
        ),
        sa.Column(
            "rules",
            JSONB(),
            nullable=True,
            comment='{rule: {"errors": n, "matched": n, "seconds": s}}',
        ),
        sa.Column("rule_set", sa.Text(), nullable=True, comment="the rules that were asked"),
    ]
