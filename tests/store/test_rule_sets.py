"""What is remembered of rule sets: identities of rules, and weights of their banners, apart."""

from quadrupel.store import rule_sets
from quadrupel.store.database import transaction

IDENTITIES = {"birthday": "i1", "welcome": "i2"}


def test_identities_and_weights_come_back_apart(engine):
    with transaction(engine) as connection:
        rule_sets.save(connection, "first", IDENTITIES, {"birthday": "w1"})
        rule_sets.save(connection, "first", {}, {})  # a set that is known stays as it is
        assert rule_sets.identities(connection, "first") == IDENTITIES
        assert rule_sets.weights(connection, "first") == {"birthday": "w1"}


def test_of_a_set_that_was_saved_before_there_were_weights_none_are_known(engine):
    with transaction(engine) as connection:
        rule_sets.save(connection, "older", IDENTITIES)
        assert rule_sets.identities(connection, "older") == IDENTITIES
        assert rule_sets.weights(connection, "older") == {}


def test_of_an_unknown_set_nothing_is_known(engine):
    with transaction(engine) as connection:
        assert rule_sets.identities(connection, "unknown") is None
        assert rule_sets.weights(connection, "unknown") == {}
