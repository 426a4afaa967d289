"""The users that rules are tried on: those of the database, or a synthetic population."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby

import polars as pl
import sqlalchemy as sa

from quadrupel import bootstrap
from quadrupel.cli.output import progress
from quadrupel.config import Settings
from quadrupel.core.attributes import Schema
from quadrupel.core.errors import SettingRefused
from quadrupel.core.events import Event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.population import events
from quadrupel.rules.columnar import Column, frame_of
from quadrupel.rules.tally import USER_ID
from quadrupel.stages.pages import column_read
from quadrupel.store import profile_columns, profiles, schema
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

SEED = 1


@dataclass(frozen=True, slots=True)
class Users:
    """Users to try rules on: how many, their columns as frames with `user_id`, and profiles."""

    count: int
    frames: Callable[[Sequence[Column]], Iterator[pl.DataFrame]]
    profiles: Callable[[Sequence[str]], Mapping[str, Profile]]


@contextlib.contextmanager
def open_users(
    settings: Settings, attributes: Schema, today: date, population: int | None
) -> Iterator[Users]:
    """The users of the database, or `population` synthetic ones as events until `today` make them.

    Raises SettingRefused where there is neither.
    """
    if population is not None:
        yield _synthetic(population, attributes, today)
        return
    try:
        opened = bootstrap.open_engine(settings)
        with opened as engine, transaction(engine) as connection:
            schema.verify(connection, attributes)
            yield _stored(connection, attributes)
    except SettingRefused as error:
        raise SettingRefused(f"{error}\nor try synthetic users: --population 100000") from error


def tried(users: Users, columns: Sequence[Column], what: str) -> Iterator[pl.DataFrame]:
    """The frames of all users, with progress on a terminal."""
    with progress(what, users.count) as advance:
        for frame in users.frames(columns):
            yield frame
            advance(frame.height)


def _stored(connection: sa.Connection, attributes: Schema) -> Users:
    store = ProfileStore(attributes)
    return Users(
        profiles.count(connection),
        lambda columns: profile_columns.frames(connection, [column_read(each) for each in columns]),
        lambda user_ids: store.read_values(connection, user_ids),
    )


def _synthetic(size: int, attributes: Schema, today: date) -> Users:
    feeds = Feeds(attributes)

    def folded(user_id: str, life: Iterable[Event]) -> Profile:
        profile = Profile(user_id)
        fold(profile, arrived(life, today), feeds)
        return profile

    @cache
    def everybody() -> dict[str, Profile]:
        lives = groupby(events(size, SEED, today), lambda event: event.subject)
        return {user_id: folded(user_id, life) for user_id, life in lives}

    def frames(columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
        user_ids = pl.Series(USER_ID, list(everybody()), pl.String())
        yield frame_of(everybody().values(), columns).with_columns(user_ids)

    return Users(
        size, frames, lambda user_ids: {user_id: everybody()[user_id] for user_id in user_ids}
    )
