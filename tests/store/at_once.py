"""Two transactions at once, of which the second has to wait for the first."""

import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from quadrupel.store.database import transaction


def waits_for(engine, first, second):
    """Do `second` in a transaction of its own while one has done `first`, which ends once it waits.

    Returns what `second` returned.
    """

    def work():
        with transaction(engine) as connection:
            return second(connection)

    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as connection:
            first(connection)
            working = pool.submit(work)
            while not _somebody_waits(engine):
                assert not working.done(), "it did not wait"
                time.sleep(0.01)
        return working.result()


def _somebody_waits(engine):
    with transaction(engine) as connection:
        query = """SELECT 1 FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'"""
        return connection.execute(sa.text(query)).first() is not None
