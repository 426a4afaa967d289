import dataclasses
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.errors import ConcurrentWrite, Conflict, SettingRefused
from quadrupel.core.profiles import FoldState, Profile
from quadrupel.core.values import Statistic
from quadrupel.store import fold_state, schema
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore, count

from .at_once import waits_for

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def attribute(name, type_, operation=Operation.LATEST, event="it.happened"):
    return Attribute(name, type_, name, (Feed(operation, event, field=name),))


SCHEMA = Schema(
    {
        each.name: each
        for each in (
            attribute("day", Type.DATE),
            attribute("moment", Type.DATETIME),
            attribute("whole", Type.INTEGER),
            attribute("amount", Type.DECIMAL),
            attribute("yes", Type.BOOLEAN),
            attribute("words", Type.TEXT),
            attribute("orders", Type.STATISTICS, Operation.STATISTICS),
            attribute("recent", Type.WINDOWED_COUNT, Operation.COUNT),
        )
    }
)
VALUES = {
    "day": date(2030, 1, 2),
    "moment": TIME,
    "whole": 2**63 - 1,
    "amount": Decimal("999999999999999999.123456"),
    "yes": False,
    "words": 'tab\t"quoted" \\N ünï',
    "orders": {"passport": Statistic(2, Decimal("350.5"), TIME, TIME)},
    "recent": ((date(1901, 2, 28).toordinal(), 1), (date(2026, 11, 23).toordinal(), 10**9)),
}
STORE = ProfileStore(SCHEMA)


@pytest.fixture
def applied(engine):
    with transaction(engine) as connection:
        schema.apply(connection, SCHEMA, NOW)
    return engine


def write(engine, *profiles):
    with transaction(engine) as connection:
        STORE.write(connection, profiles, NOW)


def read(engine, *user_ids):
    with transaction(engine) as connection:
        return STORE.read(connection, user_ids)


def test_every_type_comes_back_as_it_went(applied):
    state = FoldState(
        {7: (-5, 2**64 - 1, 2**32 - 1)},
        {2**64 - 1: 739000},
        {0: (-1, 0), 2**31 - 1: (2**63 - 1, 2**63 - 1)},
    )
    profile = Profile("c1", 1, dict(VALUES), state)
    write(applied, profile, Profile("c2", 1))
    assert read(applied, "c1", "c2", "nobody") == {"c1": profile, "c2": Profile("c2", 1)}
    without_state = [Profile("c1", 1, dict(VALUES)), Profile("c2", 1)]
    with transaction(applied) as connection:
        assert list(STORE.read_values(connection, ["c1", "c2"]).values()) == without_state
        assert STORE.page(connection, "", None, 10) == without_state


def test_a_second_version_replaces_the_first_and_forgets_what_is_gone(applied):
    write(applied, Profile("c1", 1, dict(VALUES)))
    write(applied, Profile("c1", 2, {"whole": 5}))
    assert read(applied, "c1")["c1"] == Profile("c1", 2, {"whole": 5})


@pytest.mark.parametrize("version", [1, 3])
def test_a_version_that_does_not_follow_is_refused_and_nothing_is_saved(applied, version):
    write(applied, Profile("c1", 1))
    with pytest.raises(ConcurrentWrite):
        write(applied, Profile("c0", 1), Profile("c1", version, {"whole": 5}))
    assert read(applied, "c0", "c1") == {"c1": Profile("c1", 1)}


def test_pages_cover_a_range_without_gap_or_overlap(applied):
    write(applied, *(Profile(f"c{n}", 1, {"whole": n}) for n in range(7)))
    with transaction(applied) as connection:
        first = STORE.page(connection, "c1", "c6", 3)
        second = STORE.page(connection, first[-1].user_id, "c6", 3, inclusive=False)
        everyone = STORE.page(connection, "", None, 100)
        assert count(connection) == 7
    assert [profile.user_id for profile in first + second] == ["c1", "c2", "c3", "c4", "c5"]
    assert len(everyone) == 7
    assert everyone[3].values == {"whole": 3}


def test_user_ids_are_ordered_by_their_bytes(applied):
    write(applied, *(Profile(user, 1) for user in ("b", "B", "a-1", "a1", "_")))
    with transaction(applied) as connection:
        ids = [profile.user_id for profile in STORE.page(connection, "", None, 10)]
    assert ids == sorted(ids)


def test_applying_twice_changes_nothing_and_verify_is_content(applied):
    with transaction(applied) as connection:
        assert schema.plan(connection, SCHEMA).is_empty
        schema.verify(connection, SCHEMA)


def test_of_two_that_apply_at_once_the_second_finds_it_done(engine):
    def apply(connection):
        return schema.apply(connection, SCHEMA, NOW)

    assert waits_for(engine, apply, apply).is_empty


def test_verify_names_the_attributes_without_a_column(engine):
    with transaction(engine) as connection, pytest.raises(SettingRefused, match="day, moment"):
        schema.verify(connection, SCHEMA)


def test_a_changed_type_is_refused_with_the_way_out(applied):
    other = Schema({"day": attribute("day", Type.TEXT)})
    with transaction(applied) as connection, pytest.raises(Conflict, match="another name"):
        schema.apply(connection, other, NOW)


def test_a_removed_attribute_keeps_its_column_unless_dropping_is_asked_for(applied):
    fewer = Schema({"day": attribute("day", Type.DATE, event="something.else")})
    with transaction(applied) as connection:
        plan = schema.apply(connection, fewer, NOW)
        assert "whole" in plan.removed
        assert [each.name for each in plan.refed] == ["day"]
        assert "whole" in columns(connection)
    with transaction(applied) as connection:
        schema.apply(connection, fewer, NOW, drop=True)
        own = ["user_id", "version", "updated_at", "fold_state", "erased"]
        assert columns(connection) == [*own, "day"]


def test_another_window_is_told_as_another_feed(applied):
    other = dataclasses.replace(SCHEMA["recent"], window=31)
    with transaction(applied) as connection:
        plan = schema.plan(connection, Schema({**SCHEMA.attributes, "recent": other}))
    assert plan.refed == (other,)


def test_a_session_writes_on_when_an_attribute_was_added_or_got_another_type(applied):
    write(applied, Profile("c1", 1, {"whole": 1}))
    without = Schema({name: SCHEMA.attributes[name] for name in SCHEMA.attributes if name != "day"})
    again = Schema({**without.attributes, "day": attribute("day", Type.TEXT)})
    more = Schema({**again.attributes, "extra": attribute("extra", Type.INTEGER)})
    for version, (declared, values) in enumerate(
        [(without, {}), (again, {"day": "Monday"}), (more, {"day": "Monday", "extra": 7})], 2
    ):
        with transaction(applied) as connection:
            schema.apply(connection, declared, NOW, drop=True)
        with transaction(applied) as connection:
            store = ProfileStore(declared)
            profile = Profile("c1", version, {"whole": 1, **values})
            store.write(connection, [profile], NOW)
            assert store.read(connection, ["c1"]) == {"c1": profile}
    assert applied.pool.checkedin() == 1


def columns(connection):
    return [column["name"] for column in sa.inspect(connection).get_columns("profiles")]


def test_a_fold_state_of_a_newer_format_is_not_guessed():
    with pytest.raises(ValueError, match="format 3"):
        fold_state.unpack(b"\x03\x00\x00")


def test_a_fold_state_of_the_format_before_is_read_and_written_in_the_present_one():
    state = FoldState({7: (-5, 2**64 - 1, 1)}, {2**64 - 1: 739000})
    packed = fold_state.pack(state)
    assert packed[:5] == b"\x02\x01\x00\x00\x00"
    assert fold_state.unpack(b"\x01\x01\x00" + packed[5:]) == state
