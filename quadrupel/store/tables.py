"""The tables.

Every table that holds users has `user_id` first in its primary key and is joined on nothing else,
so that Citus can distribute it (see `quadrupel.store.citus`). `profiles` gets one column per
declared attribute from `quadrupel profile apply` (see `quadrupel.store.schema`), everything else
comes from `migrations/`.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

UserId = sa.Text(collation="C")
Timestamp = sa.DateTime(timezone=True)


def _user_id() -> sa.Column[str]:
    return sa.Column("user_id", UserId, primary_key=True)


def _measures() -> list[sa.Column[Any]]:
    """What a trial of a rule counts."""
    return [
        sa.Column("users", sa.BigInteger, nullable=False, comment="of the sample"),
        sa.Column("matched", sa.BigInteger, nullable=False),
        sa.Column("errors", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False, comment="for all users of the sample"),
    ]


profile_attributes = sa.Table(
    "profile_attributes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("feeds", sa.Text, nullable=False, comment="hash of how events feed it"),
    sa.Column("applied_at", Timestamp, nullable=False),
)

profiles = sa.Table(
    "profiles",
    metadata,
    _user_id(),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Column("fold_state", sa.LargeBinary, nullable=False),
    sa.Column(
        "erased",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="nothing is left of the user but this row, and nobody but ingest reads it",
    ),
)

contacts = sa.Table(
    "contacts",
    metadata,
    _user_id(),
    sa.Column("email", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("consents", JSONB, nullable=False, comment='{"email": true}'),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Column("phone", sa.Text, comment="E.164"),
    sa.Column("time_zone", sa.Text, comment="a name of the IANA database"),
    sa.Index(
        "contacts_time_zone",
        "time_zone",
        "user_id",
        postgresql_where=sa.text("time_zone IS NOT NULL"),
    ),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    _user_id(),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("address_hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the address"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
)

refusals = sa.Table(
    "refusals",
    metadata,
    _user_id(),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True, comment="mailings, rule:ID, or * for all"),
    sa.Column("created_at", Timestamp, nullable=False),
)

published = sa.Table(
    "published",
    metadata,
    _user_id(),
    sa.Column("version", sa.BigInteger, nullable=False, comment="of the banner set"),
    sa.Column("profile_version", sa.BigInteger, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("evaluated_at", Timestamp, nullable=False),
    sa.Column("rule_set", sa.Text, nullable=False),
    sa.Column(
        "banners",
        JSONB,
        nullable=False,
        comment="[[rule, {attribute: text}, episode, clients], ...] in order; the last two if any",
    ),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Column("event_partition", sa.Integer, comment="all events up to here are contained"),
    sa.Column("event_offset", sa.BigInteger),
    sa.Column(
        "due_on",
        sa.Date,
        nullable=False,
        server_default="1970-01-01",
        comment="the first day on which a verdict can change; the default: not known, so at once",
    ),
    sa.Column(
        "held",
        sa.ARRAY(sa.BigInteger),
        nullable=False,
        server_default="{}",
        comment="a bit for each rule that holds, by rule_numbers, 64 in a word",
    ),
    sa.Index("published_due", "due_on", "user_id"),
)

rule_numbers = sa.Table(
    "rule_numbers",
    metadata,
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, comment="from 0, never used again"),
    sa.UniqueConstraint("number", name="rule_numbers_number"),
)

rule_sets = sa.Table(
    "rule_sets",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("identities", JSONB, nullable=False, comment="{rule: identity}"),
    sa.Column(
        "weights",
        JSONB,
        nullable=False,
        server_default="{}",
        comment="of banners, {rule: weight}",
    ),
    sa.Column("published_at", Timestamp, comment="when something was published by it last"),
)

rule_trials = sa.Table(
    "rule_trials",
    metadata,
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("identity", sa.Text, primary_key=True),
    *_measures(),
    sa.Column("held", sa.Boolean, nullable=False, comment="so it says nothing of the usual"),
)

rule_holds = sa.Table(
    "rule_holds",
    metadata,
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("said", sa.Text, nullable=False, comment="the reason with its numbers"),
    sa.Column("as_of", sa.Date, nullable=False, comment="the day it was tried for"),
    *_measures(),
    sa.Column("held_at", Timestamp, nullable=False),
    sa.Column("decided_at", Timestamp),
    sa.CheckConstraint("state IN ('held', 'released', 'discarded')", name="rule_holds_state"),
)

matches = sa.Table(
    "matches",
    metadata,
    _user_id(),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("episode", sa.Text, primary_key=True),
    sa.Column("opened_on", sa.Date, primary_key=True),
    sa.Column("closed_on", sa.Date),
    sa.Column("shown", JSONB, nullable=False, comment="{attribute: text} for the texts"),
)

banner_feedback = sa.Table(
    "banner_feedback",
    metadata,
    _user_id(),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("episode", sa.Text, primary_key=True),
    sa.Column("first_seen", Timestamp),
    sa.Column("last_seen", Timestamp),
    sa.Column("first_clicked", Timestamp),
    sa.Column("last_clicked", Timestamp),
    sa.Column("first_dismissed", Timestamp),
    sa.Column("last_dismissed", Timestamp),
    sa.Index(
        "banner_feedback_dismissed",
        "user_id",
        postgresql_where=sa.text("last_dismissed IS NOT NULL"),
    ),
)

exposures = sa.Table(
    "exposures",
    metadata,
    _user_id(),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("episode", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, nullable=False, comment="control, shown, or the variant's name"),
    sa.Column("since", Timestamp, nullable=False),
    sa.Column("shown_at", Timestamp, comment="when the banner first found a place"),
    sa.Column("goal_at", Timestamp, comment="when the rule's goal was reached first"),
)

messages = sa.Table(
    "messages",
    metadata,
    _user_id(),
    sa.Column("origin", sa.Text, primary_key=True, comment="rule:ID or mailing:NAME"),
    sa.Column("episode", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True, comment="email or webhook:ENDPOINT"),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("values", JSONB, nullable=False, comment="{attribute: text} for the template"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column(
        "next_attempt_at", Timestamp, comment="of a retry; in sending: when the claim lapses"
    ),
    sa.Column("error", sa.Text),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.CheckConstraint(
        "state IN ('pending', 'sending', 'retry', 'sent', 'unknown', 'failed', 'suppressed', "
        "'cancelled')",
        name="messages_state",
    ),
    sa.Index(
        "messages_to_retry",
        "channel",
        "next_attempt_at",
        postgresql_where=sa.text("state = 'retry'"),
    ),
    sa.Index(
        "messages_being_sent",
        "next_attempt_at",
        postgresql_where=sa.text("state = 'sending'"),
    ),
    sa.Index(
        "messages_of_mailings",
        "origin",
        "state",
        postgresql_where=sa.text("starts_with(origin, 'mailing:')"),
    ),
    sa.Index(
        "messages_to_look_at",
        "state",
        "origin",
        postgresql_where=sa.text("state IN ('unknown', 'failed')"),
    ),
)

mailings = sa.Table(
    "mailings",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("audience", JSONB, nullable=False, comment='{"rule"|"expression"|"users": ...}'),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("rate", sa.Integer, nullable=False, comment="messages per second, at most"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("audience_size", sa.BigInteger, comment="counted by plan"),
    sa.Column("cursor", UserId, comment="the last user whose message is on the bus"),
    sa.Column("queued", sa.BigInteger, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.CheckConstraint(
        "state IN ('planned', 'sending', 'paused', 'cancelled', 'done')", name="mailings_state"
    ),
)

mailing_users = sa.Table(
    "mailing_users",
    metadata,
    _user_id(),
    sa.Column("mailing", sa.Text, primary_key=True),
    sa.Index("mailing_users_of_mailing", "mailing", "user_id"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.Text, primary_key=True, comment="nightly-DAY[@ZONE] or manual-DAY-TIME"),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("rule_set", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("fanned_out_at", Timestamp),
    sa.Column("finished_at", Timestamp),
    sa.Column("kind", sa.Text, nullable=False, server_default="full"),
    sa.Column("rules", JSONB, comment="those that everybody is asked for the first time"),
    sa.Column("rate", sa.BigInteger, comment="users per second of all workers"),
    sa.Column("deadline", Timestamp, comment="when it should be finished"),
    sa.Column("zone", sa.Text, comment="the time zone whose users it is of; null: of all"),
    sa.CheckConstraint("kind IN ('full', 'due', 'rules')", name="runs_kind"),
    sa.CheckConstraint(
        "state IN ('running', 'paused', 'finished', 'cancelled')", name="runs_state"
    ),
)

run_ranges = sa.Table(
    "run_ranges",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("first_user", UserId, nullable=False, comment="inclusive; empty: from the start"),
    sa.Column("end_user", UserId, comment="exclusive; null: to the end"),
    sa.Column("users", sa.Integer, nullable=False, comment="counted at the fan-out"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text),
    sa.Column("evaluated", sa.Integer),
    sa.Column("matched", sa.Integer),
    sa.Column("errors", sa.Integer),
    sa.Column("started_at", Timestamp),
    sa.Column("finished_at", Timestamp),
    sa.Column("heartbeat_at", Timestamp, comment="the lease lapses 30 s later"),
    sa.Column("cursor", UserId, comment="the last user the worker has claimed"),
    sa.Column("changed", sa.BigInteger, comment="users handed to publish"),
    sa.Column("digest", sa.BigInteger, comment="of the verdicts, summed up modulo 2^64"),
    sa.Column("rules", JSONB, comment='{rule: {"errors": n, "matched": n, "seconds": s}}'),
    sa.Column("rule_set", sa.Text, comment="the rules that were asked"),
    sa.CheckConstraint("state IN ('pending', 'running', 'done')", name="run_ranges_state"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the secret"),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp),
    sa.Column("revoked_at", Timestamp),
)

looks = sa.Table(
    "looks",
    metadata,
    _user_id(),
    sa.Column("at", Timestamp, primary_key=True),
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("route", sa.Text, nullable=False),
    sa.Index("looks_at", "at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
)

halts = sa.Table(
    "halts",
    metadata,
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Timestamp, nullable=False),
    sa.Column("worker", sa.Text, nullable=False, comment="HOST:PID of the one that halted it"),
    sa.Column("resumed_at", Timestamp, comment="set: goes on, and is not healthy yet"),
)
