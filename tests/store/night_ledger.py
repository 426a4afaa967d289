"""The ledger of one night, by hand."""

from datetime import UTC, date, datetime, timedelta

from quadrupel.core.attributes import Schema
from quadrupel.core.profiles import Profile
from quadrupel.core.runs import RangeCounts
from quadrupel.core.zones import UTC_ZONE
from quadrupel.store import range_splits, run_ranges, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


DAY = date(2026, 11, 23)


SECOND = timedelta(seconds=1)


TEN = RangeCounts(evaluated=10, matched=2, errors=1, changed=10, digest=2**64 - 1)


class Ledger:
    """The functions of the ledger, each in a transaction of its own."""

    def __init__(self, engine):
        self.engine = engine

    def __getattr__(self, name):
        places = (run_ranges, range_splits, runs)
        function = next(getattr(each, name) for each in places if hasattr(each, name))

        def call(*arguments, **named):
            with transaction(self.engine) as connection:
                return function(connection, *arguments, **named)

        return call

    def split_slow(self, run, now, least):
        with transaction(self.engine) as connection:
            found = range_splits.halves(connection, run, now, UTC_ZONE, least)
        with transaction(self.engine) as connection:
            return range_splits.split(connection, run, found, now)

    def spans(self):
        return [(each.first_user, each.end_user, each.users) for each in self.lines("night")]


def add(engine, *users):
    with transaction(engine) as connection:
        ProfileStore(Schema({})).write(connection, [Profile(user, 1) for user in users], NOW)
