"""The tables of the Postgres bus: one per topic, and three that count.

`bus.partitions` holds, per partition, the first offset still kept and the next one to be given.
`bus.groups` and `bus.commits` hold who has read how far. `next_offset` is only ever advanced under
its row lock, in the transaction that inserts the messages: so offsets have no gaps, they are
committed in their order, and a reader can never pass one that comes later.
"""

import re

from psycopg import sql

from quadrupel.core.errors import TopicRefused
from quadrupel.core.ports import Topic

from .postgres_connection import table

TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,55}")

# Any number that nothing else in the database locks: two that create at once wait for each other.
CREATION_LOCK = 0x5142_0000_0000

# Rows that are updated all day stay in their page.
COUNTERS = """
    CREATE SCHEMA IF NOT EXISTS bus;
    CREATE TABLE IF NOT EXISTS bus.partitions (
        topic text, partition int,
        first_offset bigint NOT NULL DEFAULT 0, next_offset bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (topic, partition)
    ) WITH (fillfactor = 20);
    CREATE TABLE IF NOT EXISTS bus.groups (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic text NOT NULL, name text NOT NULL, UNIQUE (topic, name)
    );
    CREATE TABLE IF NOT EXISTS bus.commits (
        group_id int, partition int, next_offset bigint NOT NULL,
        PRIMARY KEY (group_id, partition)
    ) WITH (fillfactor = 20);
"""

# Messages are written once, read once and deleted: vacuum by count, not by share of the table;
# do not spend time on compressing what is gone in a moment.
MESSAGES = """
    CREATE TABLE {table} (
        partition int, "offset" bigint, key bytea NOT NULL, value bytea NOT NULL,
        taken_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (partition, "offset")
    ) WITH (
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000
    );
    ALTER TABLE {table} ALTER COLUMN value SET STORAGE EXTERNAL;
"""

PARTITIONS = """
    INSERT INTO bus.partitions (topic, partition)
    SELECT %(topic)s::text, generate_series(0, %(partitions)s::int - 1)
"""


def messages_table(topic: Topic) -> sql.Composed:
    """What creates the table of a topic; raises TopicRefused for a name that makes none."""
    if not TOPIC_NAME.fullmatch(topic.name):
        raise TopicRefused(
            f"a topic cannot be named {topic.name!r}: the Postgres bus takes up to 55 letters, "
            "digits, dots, dashes and underscores"
        )
    return sql.SQL(MESSAGES).format(table=table(topic.name))
