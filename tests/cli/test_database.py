"""`quadrupel db migrate`, and `quadrupel db distribute` against Postgres with a stand-in for what
it asks of Citus.
"""

import json

import psycopg
import pytest

from quadrupel.store.citus import tables_of_users

STAND_IN = """
    CREATE TABLE pg_dist_partition (
        logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL, partkey text,
        colocationid int NOT NULL, repmodel "char" NOT NULL
    );
    CREATE TABLE forgotten (name text);
    CREATE FUNCTION column_to_column_name(regclass, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
    CREATE FUNCTION create_distributed_table(
        table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
        colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL
    ) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = table_name) THEN
            RAISE invalid_table_definition USING MESSAGE = 'table is already distributed';
        END IF;
        IF EXISTS (
            SELECT FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attname = $2
            WHERE indrelid = table_name AND indisunique AND NOT attnum = ANY (indkey)
        ) THEN
            RAISE feature_not_supported USING
                MESSAGE = 'cannot create constraint on ' || table_name, HINT = 'add the column';
        END IF;
        INSERT INTO pg_dist_partition SELECT table_name, 'h', distribution_column, CASE
            WHEN colocate_with = 'none' THEN 1 + (SELECT count(*) FROM pg_dist_partition)
            ELSE (SELECT colocationid FROM pg_dist_partition
                  WHERE logicalrelid = colocate_with::regclass) END, 's';
    END $$;
    CREATE FUNCTION truncate_local_data_after_distributing_table(regclass) RETURNS void
        LANGUAGE sql AS 'INSERT INTO forgotten VALUES ($1::text)';
"""


@pytest.fixture
def ask(migrated_url):
    with psycopg.connect(migrated_url, autocommit=True) as connection:

        def ask(query):
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

        yield ask


@pytest.fixture
def cluster(ask, migrated_url):
    """Like `ask`, of a database that seems to have Citus."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(STAND_IN)
    return ask


@pytest.fixture
def distribute(quadrupel, migrated_url):
    return lambda *options: quadrupel("db", "distribute", *options, database_url=migrated_url)


DISTRIBUTED = "SELECT logicalrelid::text, partkey, colocationid FROM pg_dist_partition ORDER BY 1"


def test_every_table_of_users_is_distributed_together_and_nothing_else(cluster, distribute):
    told = distribute("--confirm")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines() == [
        f"{name}: distributed by user_id" for name in tables_of_users()
    ]
    assert cluster(DISTRIBUTED) == [(name, "user_id", 1) for name in sorted(tables_of_users())]
    assert cluster("SELECT name FROM forgotten") == [(name,) for name in tables_of_users()]


def test_without_confirming_it_only_says_what_it_would_do(cluster, distribute):
    told = distribute()
    assert told.code == 0
    assert "profiles: would be distributed by user_id" in told.out
    assert "nothing was changed; say --confirm" in told.out
    assert json.loads(distribute("--json").out) == {
        "distributed": tables_of_users(), "already": [], "applied": False
    }  # fmt: skip
    assert cluster(DISTRIBUTED) == []


def test_what_is_distributed_is_left_and_the_rest_goes_with_it(cluster, distribute):
    cluster("SELECT create_distributed_table('profiles', 'user_id', colocate_with => 'none')")
    told = json.loads(distribute("--confirm", "--json").out)
    assert told["already"] == ["profiles"]
    assert told["distributed"] == tables_of_users()[1:]
    assert {group for _, _, group in cluster(DISTRIBUTED)} == {1}
    again = distribute("--confirm")
    assert (again.code, again.out.strip()) == (
        0, "every table that holds users is distributed already"
    )  # fmt: skip


def test_a_table_that_citus_only_knows_of_is_not_distributed_yet(cluster, distribute):
    cluster("INSERT INTO pg_dist_partition VALUES ('looks', 'n', NULL, 0, 's')")
    assert "looks" in json.loads(distribute("--json").out)["distributed"]


@pytest.mark.parametrize(
    "otherwise",
    [
        "('messages', 'h', 'origin', 1, 's')",
        "('messages', 'h', 'user_id', 2, 's')",
        "('messages', 'n', NULL, 3, 't')",
    ],
)
def test_a_table_that_is_distributed_otherwise_is_told_with_the_way_back(
    cluster, distribute, otherwise
):
    cluster("INSERT INTO pg_dist_partition VALUES ('profiles', 'h', 'user_id', 1, 's')")
    cluster(f"INSERT INTO pg_dist_partition VALUES {otherwise}")
    told = distribute("--confirm")
    assert told.code == 1
    assert "profiles: messages; bring each back with `SELECT undistribute_table" in told.err
    assert len(cluster(DISTRIBUTED)) == 2


def test_what_citus_refuses_is_said_and_what_was_done_stays(cluster, distribute):
    cluster("CREATE UNIQUE INDEX once ON messages (template) WHERE false")
    told = distribute("--confirm")
    assert told.code == 1
    assert (
        "refused to distribute messages: cannot create constraint on messages (add the column)"
        in told.err
    )
    done = [name for name, _, _ in cluster(DISTRIBUTED)]
    assert "profiles" in done
    assert "messages" not in done
    cluster("DROP INDEX once")
    assert distribute("--confirm").code == 0
    assert len(cluster(DISTRIBUTED)) == len(tables_of_users())


def test_without_the_extension_it_says_where_to_get_it(ask, distribute):
    for options in ((), ("--confirm",)):
        told = distribute(*options)
        assert told.code == 2
        assert "this database has no extension citus" in told.err
        assert "CREATE EXTENSION citus" in told.err


def test_an_older_version_leaves_newer_tables_as_they_are_and_does_not_fail(
    ask, quadrupel, migrated_url
):
    ask("UPDATE alembic_version SET version_num = '9999'")
    told = quadrupel("db", "migrate", database_url=migrated_url)
    assert (told.code, told.out) == (0, "")
    assert told.err.startswith(
        "the database is at 9999, which this version does not know; it knows"
    )
    assert ask("SELECT version_num FROM alembic_version") == [("9999",)]


@pytest.mark.parametrize("command", [("db", "migrate"), ("profile", "apply")])
def test_a_table_that_another_session_holds_is_told_as_such(ask, quadrupel, migrated_url, command):
    ask("DROP TABLE refusals")
    ask("UPDATE alembic_version SET version_num = '0014'")
    with psycopg.connect(migrated_url) as other:
        other.execute("LOCK TABLE alembic_version, profiles IN SHARE MODE")
        told = quadrupel(*command, database_url=migrated_url)
    assert told.code == 1
    assert "another session holds a table for more than 5 s, so nothing was changed" in told.err
    assert "pg_stat_activity" in told.err
    assert "when it is back" not in told.err
