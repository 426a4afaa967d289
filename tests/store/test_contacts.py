from datetime import UTC, datetime

import pytest

from quadrupel.core.contacts import Contact, Suppression, address_hash
from quadrupel.store import contacts
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANNA = Contact("anna", "anna@example.org", "ru", {"email": True}, "+79123456789", "Europe/Moscow")
BORIS = Contact("boris", None, None, {})


@pytest.fixture
def connection(engine):
    with transaction(engine) as connection:
        yield connection


def test_contacts_are_found_as_they_were_saved(connection):
    assert contacts.save(connection, [BORIS, ANNA], NOW) == 2
    assert contacts.find(connection, ["anna", "boris", "nobody"]) == {"anna": ANNA, "boris": BORIS}
    assert contacts.find(connection, []) == {}


def test_a_contact_replaces_the_former_one_and_the_last_of_several_counts(connection):
    contacts.save(connection, [ANNA], NOW)
    moved = Contact("anna", "anna@new.example.org", "en", {"email": False})
    assert contacts.save(connection, [BORIS, ANNA, moved], NOW) == 2
    assert contacts.find(connection, ["anna"]) == {"anna": moved}
    assert contacts.save(connection, [], NOW) == 0


def test_a_stream_is_saved_whole_or_not_at_all(engine):
    def stream():
        yield ANNA
        raise ValueError("the file ends in the middle")

    with pytest.raises(ValueError, match="in the middle"), transaction(engine) as connection:
        contacts.save(connection, stream(), NOW)
    with transaction(engine) as connection:
        assert contacts.find(connection, ["anna"]) == {}


def test_a_refused_address_is_remembered_by_its_hash_until_it_is_allowed_again(connection):
    contacts.save(connection, [ANNA], NOW)
    refused = Suppression("anna", "email", address_hash("anna@example.org"), "550 no such user")
    contacts.suppress(connection, [refused], NOW)
    later = Suppression("anna", "email", address_hash("anna@new.example.org"), "550 neither")
    contacts.suppress(connection, [refused, later], NOW)
    contacts.suppress(connection, [], NOW)
    assert contacts.suppressed(connection, ["anna", "boris"]) == [later]
    assert contacts.allow(connection, "anna") == 1
    assert contacts.allow(connection, "anna") == 0
    assert contacts.suppressed(connection, ["anna"]) == []


def test_of_a_user_without_contact_no_refused_address_is_remembered(connection):
    contacts.save(connection, [ANNA], NOW)
    refused = [
        Suppression(user, "email", address_hash("gone@example.org"), "550 no such user")
        for user in ("anna", "boris")
    ]
    contacts.suppress(connection, refused, NOW)
    assert contacts.suppressed(connection, ["anna", "boris"]) == refused[:1]


def in_zone(user, zone):
    return Contact(user, None, None, {}, None, zone)


def test_the_zones_of_users_are_found_and_the_zones_that_users_have(connection):
    assert contacts.time_zones(connection) == []
    assert contacts.zones_of(connection, ["anna"]) == {}
    given = {"anna": "Europe/Moscow", "boris": "Asia/Omsk", "clara": "Europe/Moscow", "dora": None}
    contacts.save(connection, [in_zone(*each) for each in given.items()], NOW)
    users = ["anna", "boris", "dora", "nobody"]
    assert contacts.zones_of(connection, users) == {"anna": "Europe/Moscow", "boris": "Asia/Omsk"}
    assert contacts.time_zones(connection) == ["Asia/Omsk", "Europe/Moscow"]
    contacts.save(connection, [in_zone("boris", None)], NOW)
    assert contacts.time_zones(connection) == ["Europe/Moscow"]
