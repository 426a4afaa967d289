"""The first tables: users' tables keyed by user_id, and the ledgers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the secret"),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "contacts",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("consents", JSONB(), nullable=False, comment='{"email": true}'),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "mailing_users",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("mailing", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "mailing"),
    )
    op.create_table(
        "mailings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "audience", JSONB(), nullable=False, comment='{"rule"|"expression"|"users": ...}'
        ),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False, comment="messages per second, at most"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("audience_size", sa.BigInteger(), nullable=True, comment="counted by plan"),
        sa.Column(
            "cursor",
            sa.Text(collation="C"),
            nullable=True,
            comment="the last user whose message is on the bus",
        ),
        sa.Column("queued", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'paused', 'cancelled', 'done')", name="mailings_state"
        ),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "matches",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("shown", JSONB(), nullable=False, comment="{attribute: text} for the texts"),
        sa.PrimaryKeyConstraint("user_id", "rule", "episode", "opened_on"),
    )
    op.create_table(
        "messages",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="rule:ID or mailing:NAME"),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="email or webhook:ENDPOINT"),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("values", JSONB(), nullable=False, comment="{attribute: text} for the template"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of a retry; in sending: when the claim lapses",
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'retry', 'sent', 'unknown', 'failed', 'suppressed', 'cancelled')",
            name="messages_state",
        ),
        sa.PrimaryKeyConstraint("user_id", "origin", "episode", "channel"),
    )
    op.create_index(
        "messages_being_sent",
        "messages",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "messages_of_mailings",
        "messages",
        ["origin", "state"],
        unique=False,
        postgresql_where=sa.text("starts_with(origin, 'mailing:')"),
    )
    op.create_index(
        "messages_to_look_at",
        "messages",
        ["state", "origin"],
        unique=False,
        postgresql_where=sa.text("state IN ('unknown', 'failed')"),
    )
    op.create_index(
        "messages_to_retry",
        "messages",
        ["channel", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'retry'"),
    )
    op.create_table(
        "profile_attributes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("feeds", sa.Text(), nullable=False, comment="hash of how events feed it"),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fold_state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "published",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="of the banner set"),
        sa.Column("profile_version", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column(
            "banners", JSONB(), nullable=False, comment="[[rule, {attribute: text}], ...] in order"
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "run_ranges",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "first_user",
            sa.Text(collation="C"),
            nullable=False,
            comment="inclusive; empty: from the start",
        ),
        sa.Column(
            "end_user", sa.Text(collation="C"), nullable=True, comment="exclusive; null: to the end"
        ),
        sa.Column("users", sa.Integer(), nullable=False, comment="counted at the fan-out"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("evaluated", sa.Integer(), nullable=True),
        sa.Column("matched", sa.Integer(), nullable=True),
        sa.Column("errors", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'running', 'done')", name="run_ranges_state"),
        sa.PrimaryKeyConstraint("run", "number"),
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.Text(), nullable=False, comment="nightly-DAY or manual-DAY-TIME"),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fanned_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'finished', 'cancelled')", name="runs_state"),
        sa.PrimaryKeyConstraint("run"),
    )
    op.create_table(
        "suppressions",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "address_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the address"
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "channel"),
    )

    # Rows that are rewritten all day leave room on their page, so that updates stay in it.
    op.execute("ALTER TABLE profiles SET (fillfactor = 80)")
    op.execute("ALTER TABLE published SET (fillfactor = 80)")


def downgrade() -> None:
    op.drop_table("suppressions")
    op.drop_table("runs")
    op.drop_table("run_ranges")
    op.drop_table("published")
    op.drop_table("profiles")
    op.drop_table("profile_attributes")
    op.drop_index(
        "messages_to_retry", table_name="messages", postgresql_where=sa.text("state = 'retry'")
    )
    op.drop_index(
        "messages_to_look_at",
        table_name="messages",
        postgresql_where=sa.text("state IN ('unknown', 'failed')"),
    )
    op.drop_index(
        "messages_of_mailings",
        table_name="messages",
        postgresql_where=sa.text("starts_with(origin, 'mailing:')"),
    )
    op.drop_index(
        "messages_being_sent", table_name="messages", postgresql_where=sa.text("state = 'sending'")
    )
    op.drop_table("messages")
    op.drop_table("matches")
    op.drop_table("mailings")
    op.drop_table("mailing_users")
    op.drop_table("contacts")
    op.drop_table("api_keys")
