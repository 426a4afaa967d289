"""Of a rule set is kept when something was published by it last.

Of those that are known nobody can say, so it is now: the next run asks everybody what was ever
another rule.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    published_at = sa.Column(
        "published_at",
        sa.DateTime(timezone=True),
        server_default=sa.func.now(),
        comment="when something was published by it last",
    )
    op.add_column("rule_sets", published_at)
    op.alter_column("rule_sets", "published_at", server_default=None)


def downgrade() -> None:
    op.drop_column("rule_sets", "published_at")
