"""Erasing on a real database: what goes, what stays, and what others were in the middle of."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from quadrupel.core import lifecycle
from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.contacts import Contact, Suppression
from quadrupel.core.errors import ConcurrentWrite
from quadrupel.core.exposures import Exposure, News
from quadrupel.core.feedback import Action, Given
from quadrupel.core.looks import Look, LookAt
from quadrupel.core.mailings import Audience, Mailing, MailingState
from quadrupel.core.messages import Message, MessageKey
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.profiles import FoldState, Profile
from quadrupel.core.publishing import Publication, decide
from quadrupel.core.refusals import MAILINGS
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.store import (
    banner_feedback,
    contacts,
    erasure,
    exposures,
    looks,
    mailings,
    messages,
    published,
    refusals,
    schema,
)
from quadrupel.store.database import transaction
from quadrupel.store.profile_columns import frames
from quadrupel.store.profiles import ProfileStore, count
from quadrupel.store.tables import metadata

from .at_once import waits_for

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 23)
REGION = Attribute("region", Type.TEXT, "Region", (Feed(Operation.LATEST, "moved", field="r"),))
FORMER = Attribute("former", Type.TEXT, "Gone", (Feed(Operation.LATEST, "moved", field="f"),))
STORE = ProfileStore(Schema({"region": REGION}))
CATALOGUE = Catalogue({"a": Offer("a", "main", 1, messages=(("email", "a"),))}, {"main": 3})
MARKS = {lifecycle.ERASED_TAG: (0, 1, lifecycle.ERASED_TAG)}


def tombstone(user, version=2):
    return Profile(user, version, {}, FoldState(dict(MARKS)))


def erase(connection, *profiles):
    STORE.write(connection, profiles, NOW)
    erasure.erase(connection, profiles, NOW)


def evaluation(user, *rules, version=1, day=DAY):
    found = tuple(RuleMatch(rule, None, {"region": "77"}) for rule in rules)
    return Evaluation(user, version, day, NOW, "set", found)


def publish(connection, *evaluations):
    states = published.lock(connection, [each.user_id for each in evaluations])
    decisions = [
        decide(each, states[each.user_id].published, states[each.user_id].open_matches, CATALOGUE)
        for each in evaluations
    ]
    publications = [each for each in decisions if isinstance(each, Publication)]
    published.save(connection, publications, NOW)
    messages.record(
        connection, [message for each in publications for message in each.messages], NOW
    )
    return decisions


@pytest.fixture
def full(engine):
    """Anna and Boris, of each of whom every table holds something."""
    with transaction(engine) as connection:
        schema.apply(connection, Schema({"region": REGION, "former": FORMER}), NOW)
        schema.apply(connection, Schema({"region": REGION}), NOW)
        users = ["anna", "boris"]
        STORE.write(connection, [Profile(user, 1, {"region": "77"}) for user in users], NOW)
        connection.execute(sa.text("UPDATE profiles SET former = 'kept without being declared'"))
        publish(connection, *(evaluation(user, "a") for user in users))
        contacts.save(connection, [Contact(user, f"{user}@example.org") for user in users], NOW)
        refused = [Suppression(user, "email", b"hash", "550") for user in users]
        contacts.suppress(connection, refused, NOW)
        for user in users:
            refusals.remember(connection, user, "email", MAILINGS, NOW)
        mailings.create(
            connection,
            Mailing(
                name="spring",
                audience=Audience(users=True),
                channel="email",
                template="a",
                rate=1,
                state=MailingState.PLANNED,
                as_of=DAY,
                audience_size=2,
                cursor=None,
                queued=0,
                created_at=NOW,
                updated_at=NOW,
            ),
        )
        mailings.add_users(connection, "spring", users)
        seen = Given("a", "2026-11-23", Action.SEEN, NOW)
        banner_feedback.save(connection, [(user, seen) for user in users])
        begun = [Exposure(user, "a", "2026-11-23", "shown", NOW, NOW) for user in users]
        exposures.record(connection, News(begun, []), NOW)
        looks.save(
            connection, [Look(user, NOW, "k1", "r1", "desk", LookAt.BANNERS) for user in users]
        )
    return engine


def rows(engine, user):
    """How many rows each table has of a user."""
    with transaction(engine) as connection:
        return {
            table.name: connection.execute(
                sa.select(sa.func.count()).select_from(table).where(table.c.user_id == user)
            ).scalar()
            for table in metadata.sorted_tables
            if "user_id" in table.c
        }


def columns(engine, user):
    with transaction(engine) as connection:
        query = sa.text("SELECT * FROM profiles WHERE user_id = :user")
        return dict(connection.execute(query, {"user": user}).mappings().one())


def state(engine, user):
    with transaction(engine) as connection:
        return published.lock(connection, [user])[user]


def test_every_table_that_holds_users_is_emptied_of_the_user_but_for_two_tombstones(full):
    before = rows(full, "anna")
    assert min(before.values()) == 1
    with transaction(full) as connection:
        erase(connection, tombstone("anna"))
    assert {name for name, left in rows(full, "anna").items() if left} == {
        table.name for table in (*erasure.TOMBSTONES, *erasure.KEPT)
    }
    assert rows(full, "boris") == before


def test_the_tombstone_has_no_value_also_of_attributes_no_longer_declared(full):
    assert columns(full, "anna")["former"] is not None
    with transaction(full) as connection:
        erase(connection, tombstone("anna"))
    left = columns(full, "anna")
    assert {name for name, value in left.items() if value is not None} == {
        "user_id",
        "version",
        "updated_at",
        "fold_state",
        "erased",
    }
    assert (left["version"], left["erased"]) == (2, True)
    assert columns(full, "boris")["former"] is not None
    with transaction(full) as connection:
        assert STORE.read(connection, ["anna"], erased=True) == {"anna": tombstone("anna")}


def test_the_banner_set_is_empty_and_its_version_one_higher(full):
    with transaction(full) as connection:
        erase(connection, tombstone("anna"), tombstone("new", version=1))
    left = state(full, "anna")
    assert left.open_matches == ()
    assert (left.published.version, left.published.profile_version) == (2, 2)
    assert left.published.banners == ()
    assert state(full, "new").published.version == 1


def test_to_all_readers_an_erased_user_has_no_profile(full):
    with transaction(full) as connection:
        erase(connection, tombstone("anna"))
    with transaction(full) as connection:
        assert list(STORE.read(connection, ["anna", "boris"])) == ["boris"]
        assert list(STORE.read_values(connection, ["anna", "boris"])) == ["boris"]
        assert [each.user_id for each in STORE.page(connection, "", None, 10)] == ["boris"]
        assert [frame["user_id"].to_list() for frame in frames(connection, [])] == [["boris"]]
        assert count(connection) == 1
        assert erasure.erased_of(connection, ["anna", "boris", "nobody"]) == {"anna"}


def test_what_came_after_a_registration_in_the_same_batch_stays(full):
    opened = {**MARKS, lifecycle.REGISTERED_TAG: (1, 2, lifecycle.REGISTERED_TAG)}
    with transaction(full) as connection:
        erase(connection, Profile("anna", 2, {"region": "50"}, FoldState(opened)))
    left = columns(full, "anna")
    assert (left["region"], left["former"], left["erased"]) == ("50", None, False)
    with transaction(full) as connection:
        [decision] = publish(connection, evaluation("anna", "a", version=2))
    assert decision.published.version == 3


def test_an_evaluation_on_its_way_brings_nothing_back_whatever_its_day(full):
    with transaction(full) as connection:
        erase(connection, tombstone("anna"))
    for day in (DAY, DAY.replace(year=2020), DAY.replace(year=2030)):
        with transaction(full) as connection:
            [decision] = publish(connection, evaluation("anna", "a", day=day))
        assert not isinstance(decision, Publication)
    assert rows(full, "anna") == {
        **dict.fromkeys(rows(full, "anna"), 0),
        "profiles": 1,
        "published": 1,
        "looks": 1,
    }


def test_a_profile_changed_meanwhile_is_not_erased_over(full):
    with transaction(full) as connection:
        STORE.write(connection, [Profile("anna", 2, {"region": "50"})], NOW)
    with pytest.raises(ConcurrentWrite), transaction(full) as connection:
        erase(connection, tombstone("anna"))
    assert columns(full, "anna")["region"] == "50"
    assert rows(full, "anna")["contacts"] == 1


def test_nobody_erased_is_nothing_done(engine):
    with transaction(engine) as connection:
        erasure.erase(connection, [], NOW)
        assert erasure.erased_of(connection, []) == set()


def during(engine, begin):
    """Erase Anna while another transaction has begun something; it ends when the erasure waits."""
    waits_for(engine, begin, lambda connection: erase(connection, tombstone("anna")))


def test_what_a_publisher_was_writing_goes_too(full):
    def begin(connection):
        publish(connection, evaluation("anna", "a", day=DAY.replace(day=24)))
        publish(connection, evaluation("anna", day=DAY.replace(day=25)))
        publish(connection, evaluation("anna", "a", day=DAY.replace(day=26)))

    during(full, begin)
    assert state(full, "anna").open_matches == ()
    assert (rows(full, "anna")["matches"], rows(full, "anna")["messages"]) == (0, 0)


def test_what_the_first_publisher_of_a_user_was_writing_goes_too(full):
    with transaction(full) as connection:
        connection.execute(sa.text("DELETE FROM published"))
        connection.execute(sa.text("DELETE FROM matches"))
        connection.execute(sa.text("DELETE FROM messages"))
    during(full, lambda connection: publish(connection, evaluation("anna", "a")))
    assert state(full, "anna").published.banners == ()
    assert (rows(full, "anna")["matches"], rows(full, "anna")["messages"]) == (0, 0)


def test_what_a_mailing_was_queueing_goes_too(full):
    def begin(connection):
        assert erasure.erased_of(connection, ["anna", "boris"], hold=True) == set()
        key = MessageKey("anna", "mailing:spring", "once", "email")
        messages.record(connection, [Message(key, "a", {"region": "77"})], NOW)

    during(full, begin)
    assert rows(full, "anna")["messages"] == 0
    assert rows(full, "boris")["messages"] == 1


def test_an_address_that_was_just_refused_is_not_remembered(full):
    with transaction(full) as connection:
        contacts.allow(connection, "anna")
    refused = Suppression("anna", "email", b"hash", "550")
    during(full, lambda connection: contacts.suppress(connection, [refused], NOW))
    assert rows(full, "anna")["suppressions"] == 0


def test_what_was_just_refused_by_an_old_link_is_not_remembered(full):
    with transaction(full) as connection:
        refusals.forget(connection, "anna")

    def refuse(connection):
        refusals.remember(connection, "anna", "email", MAILINGS, NOW)

    during(full, refuse)
    with transaction(full) as connection:
        assert not refusals.remember(connection, "anna", "email", MAILINGS, NOW)
    assert rows(full, "anna")["refusals"] == 0
