"""The read side of what is published: one user's banner set, for the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg.rows import tuple_row

from quadrupel.core.positions import Position
from quadrupel.store.published import position
from quadrupel.store.read_pool import Pool, fetch_one


@dataclass(frozen=True, slots=True)
class BannerSet:
    """What a user is shown, in order: rule ids, each with the text forms its texts show.

    A user who is shown nothing and one who was never heard of have the same: version 0, no day.
    `contains` is the position up to which the user's events are contained, if it is known.
    """

    version: int
    as_of: date | None
    banners: Sequence[tuple[str, Mapping[str, str]]]
    contains: Position | None = None


async def banner_set(pool: Pool, user_id: str) -> BannerSet:
    """The user's banner set as last published. Raises DatabaseUnavailable."""
    row = await fetch_one(
        pool,
        "SELECT version, as_of, banners, event_partition, event_offset"
        " FROM published WHERE user_id = %s",
        (user_id,),
        tuple_row,
    )
    if row is None:
        return BannerSet(0, None, ())
    version, as_of, banners, partition, offset = row
    contains = position(partition, offset)
    if not banners:
        return BannerSet(0, None, (), contains)
    return BannerSet(version, as_of, [(rule, shown) for rule, shown in banners], contains)


async def reachable(pool: Pool) -> None:
    """Return when the database answers and has the tables; DatabaseUnavailable if it does not."""
    await fetch_one(pool, "SELECT 1 FROM published LIMIT 1", (), tuple_row)
