"""Upkeep: what is removed from the database every night because it is old enough."""

import threading
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from quadrupel.core.errors import QuadrupelError
from quadrupel.store import looks
from quadrupel.store.database import transaction, without_statement_limit

SLICE = timedelta(hours=1)

log = structlog.get_logger()


def forget_looks(engine: sa.Engine, before: datetime, stop: threading.Event) -> int:
    """Remove the looks of before that time, and return how many. Blocks, until `stop` is set.

    An hour of them at a time, the oldest first, so that no transaction is long. What is left for
    whatever reason, which the log says, goes the next night.
    """
    gone = 0
    try:
        with transaction(engine) as connection:
            without_statement_limit(connection)
            since = looks.oldest(connection)
        while since is not None and since < before and not stop.is_set():
            until = min(since + SLICE, before)
            with transaction(engine) as connection:
                gone += looks.forget(connection, since, until)
            since = until
    except QuadrupelError as error:
        log.warning("old looks were not all removed", removed=gone, error=str(error))
    else:
        log.info("old looks were removed", removed=gone, before=before.isoformat())
    return gone
