"""The declared attributes as columns of `profiles`: what differs, and the migration that mends it.

Adding an attribute is an instant ADD COLUMN. A changed type is refused: declare a new attribute
and drop the old one. A changed feed needs no migration, but values folded before stay as they
were, which the plan says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from psycopg import sql

from quadrupel.core.attributes import Attribute, Schema
from quadrupel.core.errors import Conflict, SettingRefused
from quadrupel.store.database import changing_tables, driver
from quadrupel.store.profiles import COLUMN_TYPES
from quadrupel.store.tables import profile_attributes as table

_APPLY_LOCK = 0x7072_6F66  # "prof"


@dataclass(frozen=True, slots=True)
class SchemaPlan:
    """What `profile apply` would do. `refed` have the same type and other feeds."""

    added: tuple[Attribute, ...]
    refed: tuple[Attribute, ...]
    removed: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the table already is as declared."""
        return not (self.added or self.refed or self.removed)

    def statements(self, *, drop: bool) -> list[sql.Composed]:
        """The SQL to run. Columns of removed attributes are dropped only if `drop`."""
        add = sql.SQL("ALTER TABLE profiles ADD COLUMN {} {}")
        statements = [
            add.format(sql.Identifier(attribute.name), sql.SQL(COLUMN_TYPES[attribute.type]))
            for attribute in self.added
        ]
        if drop:
            remove = sql.SQL("ALTER TABLE profiles DROP COLUMN {}")
            statements += [remove.format(sql.Identifier(name)) for name in self.removed]
        return statements


def plan(connection: sa.Connection, schema: Schema) -> SchemaPlan:
    """Compare the declaration with what was applied. Raises Conflict for a changed type."""
    applied = {row.name: row for row in connection.execute(sa.select(table))}
    for name, row in applied.items():
        declared = schema.attributes.get(name)
        if declared is not None and declared.type != row.type:
            raise Conflict(
                f"attribute {name} is applied as {row.type} and declared as {declared.type}: give"
                " the new one another name, apply, and drop the old one when no rule uses it"
            )
    declared_attributes = schema.attributes.values()
    return SchemaPlan(
        added=tuple(each for each in declared_attributes if each.name not in applied),
        refed=tuple(
            each
            for each in declared_attributes
            if each.name in applied and applied[each.name].feeds != each.feeds_hash
        ),
        removed=tuple(name for name in applied if name not in schema.attributes),
    )


def apply(
    connection: sa.Connection, schema: Schema, now: datetime, *, drop: bool = False
) -> SchemaPlan:
    """Make the columns as declared and return what was done. Two at once: the second waits.

    Raises Conflict as `plan` does, and while another session holds the table.
    """
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPLY_LOCK})
    with changing_tables(connection):
        changes = plan(connection, schema)
        for statement in changes.statements(drop=drop):
            driver(connection).execute(statement)
    _record(connection, [*changes.added, *changes.refed], now)
    if drop:
        connection.execute(sa.delete(table).where(table.c.name.in_(changes.removed)))
    return changes


def applied_names(connection: sa.Connection) -> list[str]:
    """The attributes that have a column, among them removed ones whose column was kept."""
    return list(connection.execute(sa.select(table.c.name).order_by(table.c.name)).scalars())


def verify(connection: sa.Connection, schema: Schema) -> None:
    """Raise SettingRefused unless every declared attribute has its column as declared."""
    missing = [attribute.name for attribute in plan(connection, schema).added]
    if missing:
        raise SettingRefused(
            f"attributes without a column: {', '.join(missing)}; run `quadrupel profile apply`"
        )


def _record(connection: sa.Connection, attributes: Sequence[Attribute], now: datetime) -> None:
    for attribute in attributes:
        values = {"type": attribute.type.value, "feeds": attribute.feeds_hash, "applied_at": now}
        connection.execute(sa.delete(table).where(table.c.name == attribute.name))
        connection.execute(sa.insert(table).values(name=attribute.name, **values))
