"""Where the ranges of a run begin and end: each with so many of its users.

The users are passed over in their order without being sent or numbered, which takes the database a
fraction of the time of either.
"""

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa
from psycopg import sql

from quadrupel.core.run_plans import RunPlan
from quadrupel.core.runs import LEAST_RANGES, size_of_ranges
from quadrupel.store.database import driver
from quadrupel.store.run_users import ZoneUsers, from_users, users_of
from quadrupel.store.tables import run_ranges

_DECLARE = sql.SQL(
    "DECLARE users_of_run NO SCROLL CURSOR FOR SELECT users.user_id {} ORDER BY users.user_id"
)
_WHOLE = "SET LOCAL cursor_tuple_fraction = 1"
# Or the database would plan as for somebody who reads the first few.


def lay_out(
    connection: sa.Connection,
    run: str,
    plan: RunPlan,
    as_of: date,
    of: ZoneUsers | None,
    most: int,
) -> None:
    """Write the ranges of a run, which lie end to end over all possible user ids.

    Each has about as many of the users of the plan as the others, and `most` at most.
    """
    size = size_of_ranges(users_of(connection, plan, as_of, of, LEAST_RANGES * most), most)
    found = list(_ranges(connection, from_users(plan, as_of, of), size))
    firsts = [first if number else "" for number, (first, _) in enumerate(found)]
    ends = [*firsts[1:], None][: len(found)]
    rows = [
        {"run": run, "number": number, "first_user": first, "end_user": end, "users": users}
        | {"state": "pending", "attempts": 0}
        for number, ((_, users), first, end) in enumerate(zip(found, firsts, ends, strict=True))
    ]
    if rows:
        connection.execute(sa.insert(run_ranges), rows)


def _ranges(connection: sa.Connection, users: sql.Composed, size: int) -> Iterator[tuple[str, int]]:
    """The first of each `size` users, and how many they are; the last ones may be fewer."""
    database = driver(connection)
    database.execute(_WHOLE)
    database.execute(_DECLARE.format(users))
    more = sql.SQL("MOVE {} IN users_of_run").format(sql.Literal(size - 1))
    while first := database.execute("FETCH users_of_run").fetchone():
        yield first[0], 1 + (database.execute(more).rowcount if size > 1 else 0)
    database.execute("CLOSE users_of_run")
