"""What publish needs to be told before it begins."""

from quadrupel import bootstrap
from quadrupel.bootstrap_stages import publish
from quadrupel.config import read_settings
from quadrupel.store import rule_sets
from quadrupel.store.database import transaction


def test_the_rules_that_publish_weighs_banners_by_are_known_to_plans_of_runs(engine, migrated_url):
    settings = read_settings(database_url=migrated_url)
    bootstrap.set_up(settings)
    with bootstrap.open_parts(settings) as parts:
        catalogue = publish.offered(parts, parts.rules)
        assert catalogue.rule_set == parts.rules.hash
        with transaction(engine) as connection:
            assert rule_sets.identities(connection, catalogue.rule_set) == parts.rules.identities
