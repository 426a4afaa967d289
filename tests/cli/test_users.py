import json
import os
import stat
import threading
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from quadrupel.bus import topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.attributes import Schema
from quadrupel.core.contacts import Contact
from quadrupel.core.events import Event
from quadrupel.core.looks import Look, LookAt
from quadrupel.core.windows import pack
from quadrupel.store import (
    contacts,
    looks,
    schema,
)
from quadrupel.store.database import transaction
from quadrupel.store.tables import metadata

from .user_world import NOW, SCHEMA, World

LOOK = {
    "at": "2020-11-23T12:00:00Z",
    "key": "k1",
    "key_name": "desk",
    "route": "explain",
    "request_id": "r1",
}


@pytest.fixture
def world(engine, migrated_url):
    """A database with topics, and an ingest that is run by hand."""
    with transaction(engine) as connection:
        schema.apply(connection, SCHEMA, NOW)
    with closing(PostgresBus(migrated_url)) as bus:
        bus.admin().create(topics.topics(1))
        yield World(engine, bus)


def test_what_is_known_is_shown_without_addresses(quadrupel, migrated_url, world):
    world.citizen()
    shown = quadrupel("users", "show", "anna", "--json", database_url=migrated_url)
    assert shown.code == 0
    document = json.loads(shown.out)
    assert document["profile"].pop("updated_at").endswith("Z")
    orders = document["profile"]["attributes"].pop("orders")
    assert (orders["value"]["visa"]["count"], orders["event_time"]) == (1, None)
    assert datetime.fromisoformat(orders["value"]["visa"]["first"]) == NOW
    assert document == {
        "user_id": "anna",
        "profile": {
            "version": 1,
            "erased": False,
            "erased_at": None,
            "registered_at": "2020-11-22T12:00:00Z",
            "attributes": {
                "expires": {"value": "2030-01-02", "event_time": "2020-11-23T12:00:00Z"},
                "fines": {"value": "500.5", "event_time": None},
                "region": {"value": "[77]", "event_time": "2020-11-23T12:00:00Z"},
            },
            "events_remembered": 2,
        },
        "contact": True,
        "refused": {"email": "550"},
        "refusals": [{"channel": "email", "kind": "rule:moscow"}],
        "banner_set": {
            "version": 1,
            "as_of": "2020-11-23",
            "evaluated_at": "2020-11-23T12:00:00Z",
            "banners": [{"rule": "moscow", "episode": "2020-11-23", "values": {"region": "77"}}],
        },
        "open_matches": [
            {
                "rule": "moscow",
                "episode": "2020-11-23",
                "opened_on": "2020-11-23",
                "closed_on": None,
                "values": {"region": "77"},
            }
        ],
        "feedback": [
            {
                "rule": "moscow",
                "episode": "2020-11-23",
                "first_seen": None,
                "last_seen": None,
                "first_clicked": None,
                "last_clicked": None,
                "first_dismissed": "2020-11-23T12:00:00Z",
                "last_dismissed": "2020-11-23T12:00:00Z",
            }
        ],
        "exposures": [
            {
                "rule": "moscow",
                "episode": "2020-11-23",
                "arm": "urgent",
                "since": "2020-11-23T12:00:00Z",
                "shown_at": "2020-11-23T12:00:00Z",
                "goal_at": "2020-11-23T13:00:00Z",
            }
        ],
        "messages": {"pending": 1},
        "mailings": ["spring"],
        "looks": {"count": 1, "latest": [LOOK]},
    }
    told = quadrupel("users", "show", "anna")
    for line in (
        "version 1 of 2020-11-23: moscow",
        "contact     yes",
        "refuses     rule:moscow by email",
        "messages    1 pending",
        "looks       2, the last by operator at ",
        "registered  2020-11-22T12:00:00Z",
        "visa x1",
        "[77]",
        "500.5",
        "urgent",
        "2020-11-23T13:00:00Z",
    ):
        assert line in told.out
    for text in (shown.out, shown.err, told.out, told.err):
        assert "private.example" not in text
        assert "79123456789" not in text
    assert "a user was looked at" in told.err


def test_everything_that_is_held_is_exported(quadrupel, migrated_url, world):
    world.citizen()
    exported = quadrupel("users", "export", "anna", database_url=migrated_url)
    assert exported.code == 0
    document = json.loads(exported.out)
    parts = [document[name] for name in document if name not in ("user_id", "exported_at")]
    tables = [table for table in metadata.sorted_tables if "user_id" in table.c]
    assert len(parts) == len(tables), "one part for every table that holds users"
    assert all(parts)
    shown = json.loads(quadrupel("users", "show", "anna", "--json").out)
    assert document["looks"] == [LOOK]
    for part in ("user_id", "profile", "banner_set", "mailings"):
        assert document[part] == shown[part]
    assert document["contact"] == {
        "user_id": "anna",
        "email": "anna@private.example",
        "language": "ru",
        "consents": {"email": True},
        "phone": "+79123456789",
        "time_zone": "Asia/Omsk",
    }
    assert document["refused_addresses"] == [
        {"user_id": "anna", "channel": "email", "address_hash": "ff", "reason": "550"}
    ]
    told_at = "2020-11-23T12:00:00Z"
    assert document["refusals"] == [
        {"user_id": "anna", "channel": "email", "kind": "rule:moscow", "created_at": told_at}
    ]
    assert [each["rule"] for each in document["matches"]] == ["moscow"]
    [message] = document["messages"]
    assert message["key"] == "anna/rule:moscow/2020-11-23/email"
    assert (message["state"], message["values"]) == ("pending", {"region": "77"})
    assert "private.example" not in exported.err


def test_values_of_attributes_no_longer_declared_are_held_and_so_exported(
    quadrupel, migrated_url, world
):
    world.citizen()
    with transaction(world.engine) as connection:
        schema.apply(connection, Schema({}), NOW)
    exported = quadrupel("users", "export", "anna", database_url=migrated_url)
    assert json.loads(exported.out)["profile"]["attributes"]["region"]["value"] == "[77]"


def test_a_windowed_count_is_shown_and_exported_by_day(quadrupel, migrated_url, world):
    world.citizen()
    counts = ((date(2020, 11, 1).toordinal(), 1), (date(2020, 11, 23).toordinal(), 3))
    with transaction(world.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE profiles ADD COLUMN recent bigint[]")
        connection.execute(sa.text("UPDATE profiles SET recent = :days"), {"days": pack(counts)})
    shown = quadrupel("users", "show", "anna", database_url=migrated_url).out
    assert "2020-11-01 x1, 2020-11-23 x3" in shown
    exported = json.loads(quadrupel("users", "export", "anna").out)
    recent = {"2020-11-01": 1, "2020-11-23": 3}
    assert exported["profile"]["attributes"]["recent"]["value"] == recent


def test_an_export_goes_into_a_new_file_for_its_owner_only(
    quadrupel, migrated_url, world, tmp_path
):
    world.citizen()
    path = tmp_path / "anna.json"
    arguments = ("users", "export", "anna", "--output", str(path))
    exported = quadrupel(*arguments, database_url=migrated_url)
    assert exported.code == 0
    assert "private.example" not in exported.out + exported.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["contact"]["email"] == "anna@private.example"
    again = quadrupel(*arguments)
    assert (again.code, "is there already" in again.err) == (1, True)
    nowhere = quadrupel("users", "export", "anna", "--output", str(tmp_path / "no" / "file"))
    assert nowhere.code == 2
    assert "cannot be written" in nowhere.err
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert quadrupel(*arguments).code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_without_confirmation_it_is_only_said_what_would_be_erased(quadrupel, migrated_url, world):
    world.citizen()
    before = len(world.events())
    erased = quadrupel("users", "erase", "anna", database_url=migrated_url)
    assert erased.code == 1
    assert (
        "would erase 4 attributes, 1 matches, 1 messages, 1 banners that feedback is about,"
        " 1 arms in experiments, 1 refused addresses, 1 refused kinds,"
        " 1 places in lists of mailings, a banner set and a contact of anna"
    ) in erased.err
    assert "--confirm" in erased.err
    assert len(world.events()) == before


def test_an_erasure_is_an_event_on_the_bus(quadrupel, migrated_url, world):
    world.citizen()
    begun = datetime.now(UTC)
    erased = quadrupel("users", "erase", "anna", "--confirm", database_url=migrated_url)
    assert erased.code == 0
    assert "on the bus" in erased.out
    event = world.events()[-1]
    assert (event.type, event.source, event.subject) == ("user.erased", "/operator", "anna")
    assert begun <= event.time <= datetime.now(UTC)
    quadrupel("users", "erase", "anna", "--confirm")
    assert world.events()[-1].id != event.id


def test_it_can_be_waited_for(quadrupel, migrated_url, world):
    world.citizen()

    def ingest_later():
        while world.events()[-1].type != "user.erased":
            time.sleep(0.05)
        world.ingest()

    worker = threading.Thread(target=ingest_later)
    worker.start()
    erased = quadrupel("users", "erase", "anna", "--confirm", "--wait", database_url=migrated_url)
    worker.join()
    assert (erased.code, erased.out) == (0, "anna is erased\n")
    document = json.loads(quadrupel("users", "show", "anna", "--json").out)
    assert (document["profile"]["version"], document["profile"]["erased"]) == (2, True)
    assert document["profile"]["attributes"] == {}
    assert document["profile"]["registered_at"] is None
    assert (document["contact"], document["banner_set"]) == (False, None)
    assert (document["open_matches"], document["messages"]) == ([], {})
    assert "erased      " in quadrupel("users", "show", "anna").out


def test_an_erasure_of_before_is_not_taken_for_this_one(quadrupel, migrated_url, world):
    world.citizen()
    world.ingest(Event("e", "/portal", "user.erased", "anna", NOW + timedelta(seconds=1), {}))
    waited = quadrupel(
        "users",
        "erase",
        "anna",
        "--confirm",
        "--wait",
        "--timeout",
        "0.3",
        database_url=migrated_url,
    )
    assert waited.code == 1
    assert "anna is not erased after 0.3 s" in waited.err
    assert "is `quadrupel ingest` running?" in waited.err


def test_of_a_user_nothing_else_is_known_of_it_is_shown_who_looked(quadrupel, migrated_url, world):
    with transaction(world.engine) as connection:
        looks.save(connection, [Look("watched", NOW, "k1", "r1", "desk", LookAt.EXPLAIN)])
    shown = quadrupel("users", "show", "watched", "--json", database_url=migrated_url)
    document = json.loads(shown.out)
    assert (document["profile"], document["looks"]) == (None, {"count": 1, "latest": [LOOK]})
    latest, before = json.loads(quadrupel("users", "export", "watched").out)["looks"]
    assert (latest["key"], before) == ("operator", LOOK)


def test_each_look_is_recorded_and_none_at_a_user_nobody_knows(quadrupel, migrated_url, world):
    world.citizen()
    for command in (("show", "anna"), ("export", "anna"), ("erase", "anna"), ("show", "nobody")):
        quadrupel("users", *command, database_url=migrated_url)
    quadrupel("users", "erase", "anna", "--confirm")
    with transaction(world.engine) as connection:
        made = looks.find(connection, key="operator")
    assert [look.route for look in made] == ["erasure", "user", "export", "user"]
    assert {look.user_id for look in made} == {"anna"}
    assert {look.request_id.rpartition(":")[2] for look in made} == {str(os.getpid())}


UNKNOWN = ["nobody", "ANNA", "anna0"]


NO_USER = [
    "",
    "a b",
    "anna\n",
    "../anna",
    "anna'; DROP TABLE contacts; --",
    "ü",
    "a" * 65,
    "*",
    "%",
]


@pytest.mark.parametrize("command", [("show",), ("export",), ("erase", "--confirm")])
@pytest.mark.parametrize("user", UNKNOWN + NO_USER)
def test_a_user_nothing_is_held_about_is_not_found(quadrupel, migrated_url, world, command, user):
    world.citizen()
    before = len(world.events())
    name, *options = command
    answer = quadrupel("users", name, *options, "--", user, database_url=migrated_url)
    assert (answer.code, answer.out) == (1, "")
    assert ("nothing is held" if user in UNKNOWN else "a user id is 1 to 64") in answer.err
    assert "Traceback" not in answer.err
    assert len(world.events()) == before


def test_a_user_with_nothing_but_a_contact_is_known_and_can_be_erased(
    quadrupel, migrated_url, world
):
    with transaction(world.engine) as connection:
        contacts.save(connection, [Contact("boris", "boris@private.example")], NOW)
    document = json.loads(
        quadrupel("users", "show", "boris", "--json", database_url=migrated_url).out
    )
    assert (document["profile"], document["contact"]) == (None, True)
    assert quadrupel("users", "show", "boris").code == 0
    quadrupel("users", "erase", "boris", "--confirm")
    world.ingest()
    with transaction(world.engine) as connection:
        assert contacts.find(connection, ["boris"]) == {}
