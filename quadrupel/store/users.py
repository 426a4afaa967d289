"""Everything held about one user, from every table that holds users: for those who may ask."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from quadrupel.core import lifecycle
from quadrupel.core.attributes import tag_of
from quadrupel.core.contacts import Contact, Suppression
from quadrupel.core.looks import Look
from quadrupel.core.marks import mark_time
from quadrupel.core.messages import MessageState
from quadrupel.core.refusals import Refusal
from quadrupel.core.windows import unpack
from quadrupel.store import contacts, fold_state, looks, message_desk, refusals
from quadrupel.store.message_desk import Entry, Filter
from quadrupel.store.tables import (
    banner_feedback,
    exposures,
    mailing_users,
    matches,
    profiles,
    published,
)

Row = sa.RowMapping
"""A row of a table, by column."""


@dataclass(frozen=True, slots=True)
class HeldValue:
    """The value of an attribute as its column holds it; a statistic is a JSON object.

    Of a windowed count it is how many events there were by day, those included that have left the
    window. `event_time`: when what decided it happened, where that is remembered.
    """

    value: Any
    event_time: datetime | None


@dataclass(frozen=True, slots=True)
class HeldProfile:
    """The row of `profiles`. `attributes` may be no longer declared, as long as a column is there.

    `erased`: it is a tombstone. `registered_at` is None if an erasure is later. `events`: of so
    many events a hash is remembered, so that a repetition changes nothing.
    """

    version: int
    updated_at: datetime
    erased: bool
    erased_at: datetime | None
    registered_at: datetime | None
    attributes: Mapping[str, HeldValue]
    events: int


@dataclass(frozen=True, slots=True)
class HeldUser:
    """What the tables hold of one user.

    `matches` are open and closed ones, the oldest first; `looks` the
    latest first.
    """

    user_id: str
    profile: HeldProfile | None
    contact: Contact | None
    suppressions: Sequence[Suppression]
    banner_set: Row | None
    matches: Sequence[Row]
    messages: Sequence[Entry]
    mailings: Sequence[str]
    feedback: Sequence[Row] = ()
    exposures: Sequence[Row] = ()
    looks: Sequence[Look] = ()
    refusals: Sequence[Refusal] = ()

    @property
    def is_known(self) -> bool:
        """Whether anything is held at all, be it a tombstone."""
        parts = (self.profile, self.contact, self.banner_set)
        lists = (self.suppressions, self.matches, self.messages, self.mailings)
        more = (self.feedback, self.exposures, self.looks, self.refusals)
        return any(part is not None for part in parts) or any((*lists, *more))

    @property
    def open_matches(self) -> Sequence[Row]:
        """The matches that hold now."""
        return [match for match in self.matches if match["closed_on"] is None]

    def message_counts(self) -> Mapping[MessageState, int]:
        """How many messages there are in each state that has any."""
        return Counter(entry.state for entry in self.messages)


def read(connection: sa.Connection, user_id: str) -> HeldUser:
    """Everything at one moment. To be called first in its transaction, which then sees no other."""
    connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    return HeldUser(
        user_id=user_id,
        profile=_profile(connection, user_id),
        contact=contacts.find(connection, [user_id]).get(user_id),
        suppressions=contacts.suppressed(connection, [user_id]),
        banner_set=next(iter(_rows(connection, published, user_id)), None),
        matches=_rows(connection, matches, user_id, "opened_on", "rule", "episode"),
        messages=message_desk.find(connection, Filter(user_id=user_id), None),
        mailings=[row["mailing"] for row in _rows(connection, mailing_users, user_id, "mailing")],
        feedback=_rows(connection, banner_feedback, user_id, "rule", "episode"),
        exposures=_rows(connection, exposures, user_id, "rule", "episode"),
        looks=looks.find(connection, user_id=user_id),
        refusals=refusals.find(connection, [user_id]),
    )


def erased_at(connection: sa.Connection, user_id: str) -> datetime | None:
    """When the user was last erased, be the user open again by now; None: never."""
    query = sa.select(profiles.c.fold_state).where(profiles.c.user_id == user_id)
    packed = connection.execute(query).scalar_one_or_none()
    return None if packed is None else lifecycle.erased_at(fold_state.unpack(packed).marks)


def _profile(connection: sa.Connection, user_id: str) -> HeldProfile | None:
    query = sa.text("SELECT * FROM profiles WHERE user_id = :user_id")
    row = connection.execute(query, {"user_id": user_id}).mappings().one_or_none()
    if row is None:
        return None
    state = fold_state.unpack(row["fold_state"])
    times = {tag: mark_time(mark) for tag, mark in state.marks.items()}
    return HeldProfile(
        version=row["version"],
        updated_at=row["updated_at"],
        erased=row["erased"],
        erased_at=lifecycle.erased_at(state.marks),
        registered_at=lifecycle.registered_at(state.marks),
        attributes={
            name: HeldValue(_by_day(value), times.get(tag_of(name)))
            for name, value in row.items()
            if name not in profiles.c and value is not None
        },
        events=len(state.seen),
    )


def _by_day(value: Any) -> Any:
    """A windowed count, the only attribute whose column is an array, by day; others as they are."""
    if not isinstance(value, list):
        return value
    return {date.fromordinal(day).isoformat(): number for day, number in unpack(value)}


def _rows(connection: sa.Connection, table: sa.Table, user_id: str, *order: str) -> Sequence[Row]:
    query = sa.select(table).where(table.c.user_id == user_id)
    return connection.execute(query.order_by(*(table.c[name] for name in order))).mappings().all()
