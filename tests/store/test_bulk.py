import json
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quadrupel.store import bulk
from quadrupel.store.database import driver, transaction

FIRST = datetime(1900, 1, 1, tzinfo=UTC).replace(tzinfo=None)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"])) | st.sampled_from(
    ["", "null", "NULL", "]", "[", "{}", '"', "\\", '\\"', '","', "\\n", "\\.", "a,b", "]\\n["]
)
documents = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text('\\"\n\tü'))
rows = st.lists(
    st.tuples(
        st.integers(0, 2**31 - 1),
        texts | st.none(),
        st.integers(-(2**63), 2**63 - 1) | st.none(),
        st.dates(),
        st.datetimes(FIRST, timezones=st.just(UTC)),
        documents.map(lambda each: {name.replace("\0", ""): text for name, text in each.items()}),
    ),
    min_size=1,
    max_size=5,
)
TYPES = ("int", "text", "bigint", "date", "timestamptz", "jsonb")
some = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def written(given):
    return [(*row[:-1], json.dumps(row[-1], ensure_ascii=False)) for row in given]


@some
@given(rows)
def test_what_copy_reads_is_what_was_written(engine, given):
    columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(TYPES))
    with transaction(engine) as connection:
        raw = driver(connection)
        raw.execute(f"CREATE TEMP TABLE read_back ({columns}) ON COMMIT DROP")
        with raw.cursor() as cursor, cursor.copy("COPY read_back FROM STDIN " + bulk.CSV) as copy:
            copy.write(bulk.csv(written(given)))
        assert raw.execute("SELECT * FROM read_back").fetchall() == given


@some
@given(rows)
def test_an_array_has_the_values_that_were_written(engine, given):
    arrays = [bulk.array(column) for column in zip(*written(given), strict=True)]
    asked = ", ".join(f"%s::{type_}[]" for type_ in TYPES)
    with transaction(engine) as connection:
        assert driver(connection).execute(f"SELECT * FROM unnest({asked})", arrays).fetchall() == (
            given
        )


def test_a_day_before_the_first_of_rules_and_the_last_of_all_are_written():
    assert bulk.array([date.min, date.max, None]) == '{"0001-01-01","9999-12-31",null}'
    assert bulk.csv([("a", None), ("b", 1)]) == b'"a",null\n"b",1'
