"""The audit log on a real database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.core.looks import Look, LookAt
from quadrupel.store import looks
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST = Look("anna", NOW, "k1", "r1", "desk", LookAt.BANNERS)
SECOND = replace(FIRST, at=NOW + timedelta(hours=1), route=LookAt.EXPLAIN)
OTHER = Look("boris", NOW + timedelta(hours=2), "k2", "r1", "crm", LookAt.CONTACTS)


@pytest.fixture
def saved(engine):
    with transaction(engine) as connection:
        looks.save(connection, [FIRST, SECOND, OTHER])
    return engine


def test_what_is_saved_again_is_there_once(saved):
    with transaction(saved) as connection:
        looks.save(connection, [SECOND, replace(SECOND, request_id="r2")])
        assert looks.find(connection, user_id="anna") == [
            SECOND,
            replace(SECOND, request_id="r2"),
            FIRST,
        ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [OTHER, SECOND, FIRST]),
        ({"limit": 1}, [OTHER]),
        ({"user_id": "anna"}, [SECOND, FIRST]),
        ({"user_id": "nobody"}, []),
        ({"key": "k2"}, [OTHER]),
        ({"key": "desk"}, [SECOND, FIRST]),
        ({"key": "' OR true --"}, []),
        ({"since": SECOND.at}, [OTHER, SECOND]),
        ({"user_id": "anna", "key": "desk", "since": SECOND.at, "limit": 5}, [SECOND]),
    ],
)
def test_the_latest_come_first_of_those_that_were_asked_for(saved, asked, found):
    with transaction(saved) as connection:
        assert looks.find(connection, **asked) == found


def test_those_of_a_span_are_forgotten(saved):
    with transaction(saved) as connection:
        assert looks.oldest(connection) == NOW
        assert looks.forget(connection, FIRST.at, SECOND.at) == 1
        assert looks.find(connection) == [OTHER, SECOND]
        assert looks.forget(connection, FIRST.at, OTHER.at + timedelta(seconds=1)) == 2
        assert looks.oldest(connection) is None
