from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.core.contacts import Contact
from quadrupel.core.refusals import EVERYTHING, MAILINGS, Refusal
from quadrupel.store import contacts, refusals
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ANNA = Contact("anna", "anna@example.org", "ru", {"email": True})
BORIS = Contact("boris", None, None, {})


@pytest.fixture
def connection(engine):
    with transaction(engine) as connection:
        contacts.save(connection, [ANNA, BORIS], NOW)
        yield connection


def test_what_was_refused_is_found_by_user_and_channel(connection):
    for user, kind in (("anna", "rule:birthday"), ("boris", EVERYTHING), ("anna", MAILINGS)):
        assert refusals.remember(connection, user, "email", kind, NOW)
    found = refusals.find(connection, ["anna", "boris", "nobody"])
    assert found == [
        Refusal("anna", "email", MAILINGS, NOW),
        Refusal("anna", "email", "rule:birthday", NOW),
        Refusal("boris", "email", EVERYTHING, NOW),
    ]
    expected = {"anna": {MAILINGS, "rule:birthday"}, "boris": {EVERYTHING}}
    assert refusals.kinds(found, "email") == expected
    assert refusals.kinds(found, "webhook:crm") == {}


def test_what_is_refused_again_is_no_news_and_stays_as_old_as_it_was(connection):
    assert refusals.remember(connection, "anna", "email", MAILINGS, NOW)
    assert not refusals.remember(connection, "anna", "email", MAILINGS, LATER)
    assert refusals.find(connection, ["anna"]) == [Refusal("anna", "email", MAILINGS, NOW)]


def test_what_is_wanted_again_is_forgotten_and_nothing_else(connection):
    for kind in (MAILINGS, EVERYTHING):
        refusals.remember(connection, "anna", "email", kind, NOW)
    assert refusals.withdraw(connection, "anna", "email", EVERYTHING)
    assert not refusals.withdraw(connection, "anna", "email", EVERYTHING)
    assert refusals.find(connection, ["anna"]) == [Refusal("anna", "email", MAILINGS, NOW)]
    assert refusals.forget(connection, "anna")
    assert not refusals.forget(connection, "anna")


def test_a_contact_that_replaces_the_former_one_leaves_what_was_refused(connection):
    refusals.remember(connection, "anna", "email", MAILINGS, NOW)
    contacts.save(connection, [Contact("anna", "new@example.org", "en", {"email": True})], LATER)
    assert refusals.find(connection, ["anna"]) == [Refusal("anna", "email", MAILINGS, NOW)]


def test_of_a_user_without_contact_nothing_is_remembered(connection):
    assert not refusals.remember(connection, "clara", "email", MAILINGS, NOW)
    assert refusals.find(connection, ["clara"]) == []
