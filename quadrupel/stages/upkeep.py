"""Upkeep: what is removed from the database every night because nobody needs it any more."""

import threading
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from quadrupel.core.errors import QuadrupelError
from quadrupel.store import looks, mailings
from quadrupel.store.database import transaction, without_statement_limit

SLICE = timedelta(hours=1)
CHUNK = 5_000
"""How many users of a mailing's list are forgotten in one transaction: an erasure waits for it."""

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


def forget_lists(engine: sa.Engine, stop: threading.Event, chunk: int = CHUNK) -> int:
    """Remove the lists of users of mailings that are over, and return how many users that were.

    Blocks, until `stop` is set. A transaction has `chunk` of them. What is left for whatever
    reason, which the log says, goes the next night.
    """
    gone = 0
    try:
        with transaction(engine) as connection:
            over = mailings.over_with_users(connection)
        for name in over:
            while not stop.is_set():
                with transaction(engine) as connection:
                    count = mailings.forget_users(connection, name, chunk)
                gone += count
                if count < chunk:
                    break
    except QuadrupelError as error:
        log.warning("lists of mailings were not all removed", removed=gone, error=str(error))
    else:
        log.info("lists of mailings were removed", mailings=len(over), removed=gone)
    return gone
