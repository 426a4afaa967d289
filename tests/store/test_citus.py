"""What Citus asks of the tables that hold users, held against what the migrations build."""

import pytest
import sqlalchemy as sa

from quadrupel.store import citus
from quadrupel.store.tables import metadata


@pytest.fixture(scope="module")
def inspector(shared_url):
    engine = sa.create_engine(shared_url.replace("postgresql://", "postgresql+psycopg://"))
    yield sa.inspect(engine)
    engine.dispose()


def of_users(inspector):
    """Every table that has users, as the database has it."""
    for table in inspector.get_table_names():
        if any(column["name"] == "user_id" for column in inspector.get_columns(table)):
            yield table


def test_every_table_that_holds_users_is_distributed(inspector):
    assert set(of_users(inspector)) == set(citus.tables_of_users())
    assert citus.tables_of_users()[0] == "profiles"


def test_what_is_unique_is_so_within_a_user(inspector):
    """A node can keep unique only what it has all rows of."""
    for table in of_users(inspector):
        assert inspector.get_pk_constraint(table)["constrained_columns"][0] == "user_id", table
        for index in inspector.get_indexes(table):
            assert not index["unique"] or "user_id" in index["column_names"], (table, index)


def test_users_are_spread_by_one_type_so_that_all_their_rows_lie_together(inspector):
    types = {
        (str(column["type"]), column["type"].collation)
        for table in of_users(inspector)
        for column in inspector.get_columns(table)
        if column["name"] == "user_id"
    }
    assert types == {('TEXT COLLATE "C"', "C")}


def test_no_table_refers_to_another_or_counts(inspector):
    assert inspector.get_sequence_names() == []
    for table in inspector.get_table_names():
        assert inspector.get_foreign_keys(table) == [], table
        for column in inspector.get_columns(table):
            assert column.get("identity") is None, (table, column)
            assert "nextval" not in (column["default"] or ""), (table, column)
    with inspector.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
        assert connection.execute(sa.text(query)).scalar_one() == 0


def test_the_declared_tables_say_the_same(inspector):
    assert set(metadata.tables) <= set(inspector.get_table_names())
