from pathlib import Path

import pytest

from quadrupel.config import Settings, migrations_folder, read_settings, rules_folder
from quadrupel.core.errors import SettingRefused

WRONG = {
    "QUADRUPEL_DATABASE_URL": "mysql://user:secret@host/name",
    "QUADRUPEL_PARTITIONS": "0",
    "QUADRUPEL_KAFKA_REPLICATION": "many",
    "QUADRUPEL_TIME_ZONE": "Europe/Nowhere",
    "QUADRUPEL_NIGHT_AT": "25:00",
    "QUADRUPEL_SMTP_URL": "http://user:secret@host",
    "QUADRUPEL_API_PORT": "70000",
    "QUADRUPEL_LOG_LEVEL": "loud",
    "QUADRUPEL_LANGUAGES": "en",
    "QUADRUPEL_WEBHOOKS": "{",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named(name, monkeypatch):
    monkeypatch.setenv(name, WRONG[name])
    with pytest.raises(SettingRefused, match=f"^{name} is wrong"):
        read_settings()


def test_every_wrong_setting_is_named_at_once(monkeypatch):
    monkeypatch.setenv("QUADRUPEL_PARTITIONS", "0")
    monkeypatch.setenv("QUADRUPEL_API_PORT", "-1")
    with pytest.raises(SettingRefused, match=r"(?s)PARTITIONS.*API_PORT"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUADRUPEL_DATABASE_URL", "mysql://user:secret@host/name"),
        ("QUADRUPEL_SMTP_URL", "http://user:secret@host"),
        ("QUADRUPEL_WEBHOOKS", '{"crm": {"url": "ftp://host", "secret": "secret"}}'),
        ("QUADRUPEL_WEBHOOKS", '{"crm": "secret"'),
    ],
)
def test_the_error_of_a_wrong_setting_tells_no_password(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingRefused) as refusal:
        read_settings()
    assert "secret@" not in str(refusal.value)
    assert "'secret'" not in str(refusal.value)
    assert '"secret"' not in str(refusal.value)


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("QUADRUPEL_PARTITIONS", "")
    assert read_settings().partitions == Settings.model_fields["partitions"].default


def test_the_command_line_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("QUADRUPEL_PARTITIONS", "2")
    assert read_settings(partitions=3, kafka_bootstrap=None).partitions == 3


def test_what_a_command_cannot_do_without_is_named_with_its_meaning():
    with pytest.raises(SettingRefused, match="QUADRUPEL_JWT_ISSUER is not set: the `iss`"):
        Settings().required("jwt_issuer")


def test_the_rules_of_the_working_directory_go_before_the_shipped_ones(tmp_path, monkeypatch):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/profile.py").touch()
    monkeypatch.chdir(tmp_path)
    assert rules_folder(Settings()) == Path("rules")


def test_a_folder_without_a_profile_declaration_is_no_folder_of_rules(tmp_path):
    with pytest.raises(SettingRefused, match="QUADRUPEL_RULES: no profile"):
        rules_folder(Settings(rules=tmp_path))


def test_the_migrations_are_found_in_a_checkout():
    assert (migrations_folder() / "env.py").is_file()
