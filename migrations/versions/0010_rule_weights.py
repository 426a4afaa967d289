"""Of a rule set is kept what its banners are arbitrated by, beside what its verdicts come from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    weights = sa.Column(
        "weights",
        JSONB(),
        nullable=False,
        server_default="{}",
        comment="of banners, {rule: weight}",
    )
    op.add_column("rule_sets", weights)


def downgrade() -> None:
    op.drop_column("rule_sets", "weights")
