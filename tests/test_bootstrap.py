"""What every stage is built from."""

import shutil

from quadrupel import bootstrap
from quadrupel.config import read_settings, rules_folder


def test_a_stage_reads_its_rules_once_as_it_starts(migrated_url, monkeypatch):
    settings = read_settings(database_url=migrated_url)
    bootstrap.set_up(settings)
    read, load = [], bootstrap.load_rules
    monkeypatch.setattr(bootstrap, "load_rules", lambda given: read.append(given) or load(given))
    with bootstrap.open_parts(settings):
        assert read == [settings]


def test_rules_that_changed_while_the_stage_connects_are_in_force(migrated_url, tmp_path):
    shutil.copytree(rules_folder(read_settings()), tmp_path / "rules")
    settings = read_settings(database_url=migrated_url, rules=tmp_path / "rules")
    bootstrap.set_up(settings)

    def connect(given):
        (tmp_path / "rules/transport/driving_licence_expired.py").unlink()
        return bootstrap.open_bus(given)

    with bootstrap.open_parts(settings, connect=connect) as parts:
        assert "driving_licence_expired" not in parts.rules.rules
        assert "driving_licence_expiring" in parts.rules.rules
