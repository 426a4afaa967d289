"""Profiles in Postgres: one row per user, one typed column per declared attribute.

The row of an erased user is a tombstone, which only the fold reads; to everyone else the user has
no profile.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from quadrupel.core import lifecycle
from quadrupel.core.attributes import Schema, Type
from quadrupel.core.errors import ConcurrentWrite
from quadrupel.core.profiles import Profile
from quadrupel.core.values import Statistic, Value
from quadrupel.core.windows import unpack
from quadrupel.store import fold_state, profile_rows
from quadrupel.store.database import driver
from quadrupel.store.profile_rows import Columns, RowValues

COLUMN_TYPES: Mapping[Type, str] = {
    Type.DATE: "date",
    Type.DATETIME: "timestamp with time zone",
    Type.INTEGER: "bigint",
    Type.DECIMAL: "numeric(24,6)",
    Type.BOOLEAN: "boolean",
    Type.TEXT: "text",
    Type.STATISTICS: "jsonb",
    Type.WINDOWED_COUNT: "bigint[]",
}


class ProfileStore:
    """Reads and writes the profiles of one schema. Holds no connection."""

    def __init__(self, schema: Schema) -> None:
        self._columns = Columns(schema)
        self._types = {name: attribute.type for name, attribute in schema.attributes.items()}
        # Composed here and not for every batch: that took as long as a hundred events.
        names = [sql.Identifier(name) for name in self._types]
        self._values = _composed(sql.SQL(", {}").format(name) for name in names)
        self._updates = _composed(sql.SQL(", {0} = excluded.{0}").format(name) for name in names)
        self._batch = _batch_table(self._types)

    def read(
        self, connection: sa.Connection, user_ids: Sequence[str], *, erased: bool = False
    ) -> dict[str, Profile]:
        """The profiles of those users that have one, with their fold state.

        Those of erased users only if `erased`: who folds events needs them. Values are read from
        the row when they are asked for. A text with a space in it is no user's id.
        """
        raw = driver(connection)
        raw.execute("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'")
        query = sql.SQL(
            "COPY (SELECT user_id, version, fold_state{} FROM profiles"
            " WHERE user_id = ANY(string_to_array({}, ' ')){}) TO STDOUT"
        ).format(
            self._values,
            sql.Literal(" ".join(user_ids)),
            sql.SQL("" if erased else " AND NOT erased"),
        )
        with raw.cursor() as cursor, cursor.copy(query) as copy:
            rows = profile_rows.split(b"".join(copy))
        return {profile.user_id: profile for profile in map(self._profile, rows)}

    def read_values(self, connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, Profile]:
        """Like `read` for who only evaluates: without the fold state."""
        query = sql.SQL(
            "SELECT user_id, version{} FROM profiles WHERE user_id = ANY(%s) AND NOT erased"
        ).format(self._values)
        rows = driver(connection).execute(query, [list(user_ids)])
        return {row[0]: Profile(row[0], row[1], self._load(row[2:])) for row in rows}

    def read_with_zones(
        self, connection: sa.Connection, user_ids: Sequence[str]
    ) -> list[tuple[Profile, str | None]]:
        """Like `read_values`, and with each the name of the user's time zone, None if none is set.

        One query: asking for contacts apart makes every event wait for another answer.
        """
        query = sql.SQL(
            "SELECT contacts.time_zone, profiles.user_id, profiles.version{} FROM profiles"
            " LEFT JOIN contacts ON contacts.user_id = profiles.user_id"
            " WHERE profiles.user_id = ANY(%s) AND NOT profiles.erased"
        ).format(
            sql.SQL("").join(
                sql.SQL(", {}").format(sql.Identifier("profiles", name)) for name in self._types
            )
        )
        rows = driver(connection).execute(query, [list(user_ids)])
        return [(Profile(row[1], row[2], self._load(row[3:])), row[0]) for row in rows]

    def page(
        self,
        connection: sa.Connection,
        first: str,
        end: str | None,
        size: int,
        inclusive: bool = True,
    ) -> list[Profile]:
        """Up to `size` profiles (without fold state) from `first` to `end`, by user id.

        `first` is left out unless `inclusive`; `end` always is, and None means to the last user.
        """
        query = sql.SQL(
            "SELECT user_id, version{} FROM profiles WHERE user_id {} %(first)s"
            " AND (%(end)s::text IS NULL OR user_id < %(end)s) AND NOT erased"
            " ORDER BY user_id LIMIT %(size)s"
        ).format(self._values, sql.SQL(">=" if inclusive else ">"))
        rows = driver(connection).execute(query, {"first": first, "end": end, "size": size})
        return [Profile(row[0], row[1], self._load(row[2:])) for row in rows]

    def write(self, connection: sa.Connection, profiles: Sequence[Profile], now: datetime) -> None:
        """Save profiles whose version is one above the saved one, all or none.

        Raises ConcurrentWrite when another transaction saved one of them since it was read.
        """
        if not profiles:
            return
        raw = driver(connection)
        create = sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} (LIKE profiles) ON COMMIT DELETE ROWS")
        raw.execute(create.format(self._batch))
        copy = sql.SQL("COPY {} (user_id, version, updated_at, fold_state, erased{}) FROM STDIN")
        with raw.cursor() as cursor, cursor.copy(copy.format(self._batch, self._values)) as rows:
            rows.write(self._rows(profiles, now))
        merge = sql.SQL(
            "INSERT INTO profiles (user_id, version, updated_at, fold_state, erased{1})"
            " SELECT user_id, version, updated_at, fold_state, erased{1} FROM {0}"
            " ORDER BY user_id ON CONFLICT (user_id) DO UPDATE SET version = excluded.version,"
            " updated_at = excluded.updated_at, fold_state = excluded.fold_state,"
            " erased = excluded.erased{2}"
            " WHERE profiles.version = excluded.version - 1"
        )
        written = raw.execute(merge.format(self._batch, self._values, self._updates)).rowcount
        if written != len(profiles):
            raise ConcurrentWrite(
                f"{len(profiles) - written} of {len(profiles)} profiles were changed by another"
                " worker meanwhile"
            )

    def _profile(self, fields: list[bytes]) -> Profile:
        user_id, version, state, *values = fields
        return Profile(
            user_id.decode(),
            int(version),
            RowValues(self._columns, values),
            fold_state.unpack(profile_rows.load_bytes(state)),
        )

    def _rows(self, profiles: Sequence[Profile], now: datetime) -> bytes:
        time = now.isoformat().encode()
        return profile_rows.join([self._row(profile, time) for profile in profiles])

    def _row(self, profile: Profile, time: bytes) -> list[bytes]:
        values = profile.values
        if not isinstance(values, RowValues):
            values = RowValues.of(self._columns, values)
        return [
            profile.user_id.encode(),
            b"%d" % profile.version,
            time,
            profile_rows.dump_bytes(fold_state.pack(profile.state)),
            b"t" if lifecycle.is_erased(profile.state.marks) else b"f",
            *values.fields(),
        ]

    def _load(self, row: Sequence[Any]) -> dict[str, Value]:
        return {
            name: _load_value(type_, value)
            for (name, type_), value in zip(self._types.items(), row, strict=True)
            if value is not None
        }


def _batch_table(types: Mapping[str, Type]) -> sql.Identifier:
    """The temporary table of a declaration: another one for other columns or other types.

    A session keeps its tables while `profile apply` changes `profiles`. To make one for each batch
    would leave a hundred dead rows in the catalogue, ten times a second. An old one stays empty,
    and goes with its session.
    """
    declaration = repr(sorted((name, type_.value) for name, type_ in types.items()))
    return sql.Identifier(f"profile_batch_{sha256(declaration.encode()).hexdigest()[:16]}")


def _composed(parts: Iterable[sql.Composed]) -> sql.SQL:
    text: Any = sql.SQL("").join(parts).as_string()
    return sql.SQL(text)


def count(connection: sa.Connection) -> int:
    """How many users have a profile."""
    query = sa.text("SELECT count(*) FROM profiles WHERE NOT erased")
    return int(connection.execute(query).scalar_one())


def _load_value(type_: Type, value: Any) -> Any:
    if type_ is Type.STATISTICS:
        return {
            key: Statistic(
                entry["count"],
                Decimal(entry["sum"]),
                datetime.fromisoformat(entry["first"]),
                datetime.fromisoformat(entry["last"]),
            )
            for key, entry in value.items()
        }
    if type_ is Type.WINDOWED_COUNT:
        return unpack(value)
    if type_ is Type.DATETIME:
        return datetime.astimezone(value, UTC)
    return value
