import json
from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.core.looks import Look, LookAt
from quadrupel.store import looks
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MADE = [
    Look("anna", NOW, "k1", "r1", "support [red]desk", LookAt.BANNERS),
    Look("anna", NOW + timedelta(hours=1), "k2", "r2", "crm", LookAt.CONTACTS),
    Look("boris", NOW + timedelta(days=1), "k1", "r3", "support [red]desk", LookAt.EXPLAIN),
]


@pytest.fixture
def listed(quadrupel, engine, migrated_url):
    with transaction(engine) as connection:
        looks.save(connection, MADE)

    def call(*arguments):
        return quadrupel("audit", "list", *arguments, database_url=migrated_url)

    return call


def test_looks_are_listed_for_people(listed):
    told = listed()
    assert told.code == 0
    for text in ("2026-11-24T12:00:00.000", "boris", "support [red]desk", "k2", "contacts", "r3"):
        assert text in told.out


def test_looks_are_listed_for_programs(listed):
    [look] = json.loads(listed("--key", "crm", "--json").out)
    assert look == {
        "user_id": "anna",
        "at": "2026-11-23T13:00:00Z",
        "key": "k2",
        "key_name": "crm",
        "route": "contacts",
        "request_id": "r2",
    }


@pytest.mark.parametrize(
    ("arguments", "requests"),
    [
        ([], ["r3", "r2", "r1"]),
        (["--user", "anna"], ["r2", "r1"]),
        (["--key", "k1"], ["r3", "r1"]),
        (["--since", "2026-11-24"], ["r3"]),
        (["--since", "2026-11-23T16:00+03:00"], ["r3", "r2"]),
        (["--since", "2026-11-23T12:00:01", "--user", "anna"], ["r2"]),
        (["--limit", "1"], ["r3"]),
        (["--user", "nobody"], []),
    ],
)
def test_those_asked_for_are_listed(listed, arguments, requests):
    found = json.loads(listed(*arguments, "--json").out)
    assert [look["request_id"] for look in found] == requests


def test_that_there_may_be_more_is_said(listed):
    assert "there may be more" in listed("--limit", "2").out
    assert "there may be more" not in listed("--limit", "4").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--since", "yesterday"], 2),
        (["--since", "2026-13-01"], 2),
        (["--since", ""], 2),
        (["--limit", "0"], 2),
        (["--limit", "many"], 2),
        (["--user", "a b"], 1),
        (["--user", ""], 1),
    ],
)
def test_what_means_nothing_is_refused(listed, arguments, code):
    called = listed(*arguments)
    assert called.code == code
    assert called.out == ""
    assert called.err
