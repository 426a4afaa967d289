"""The list of a mailing is read by its mailing."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index("mailing_users_of_mailing", "mailing_users", ["mailing", "user_id"])


def downgrade() -> None:
    op.drop_index("mailing_users_of_mailing", "mailing_users")
