import json

import pytest

from quadrupel.config import read_settings, rules_folder
from quadrupel.core.errors import SettingRefused


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch, tmp_path):
    import os

    for name in list(os.environ):
        if name.startswith("QUADRUPEL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUADRUPEL_DATA_DIR", str(tmp_path))


WRONG = [
    ("DATABASE_URL", "mysql://localhost/x"),
    ("REPLICA_URL", "localhost:5432"),
    ("PARTITIONS", "0"),
    ("PARTITIONS", "many"),
    ("BATCH_SIZE", "-5"),
    ("RANGE_SIZE", "1"),
    ("REOPEN_DAYS", "-1"),
    ("REOPEN_DAYS", "366"),
    ("TIME_ZONE", "Mars/Olympus"),
    ("TIME_ZONE", "Europe"),
    ("TIME_ZONE", "../../etc/passwd"),
    ("NIGHT_AT", "25:00"),
    ("NIGHT_AT", "02:30Z"),
    ("NIGHT_AT", "02:30+03:00"),
    ("MORNING", "07:00Z"),
    ("API_PORT", "70000"),
    ("API_GRACE", "-1"),
    ("API_GRACE", "301"),
    ("API_GRACE", "nan"),
    ("API_GRACE", "inf"),
    ("API_GRACE", "soon"),
    ("SMTP_URL", "http://localhost:25"),
    ("WEBHOOKS", '{"crm": {"url": "ftp://x", "secret": "s"}}'),
    ("WEBHOOKS", '{"crm": {"url": "https://x"}}'),
    ("WEBHOOKS", "not json"),
    *(
        ("WEBHOOKS", json.dumps({name: {"url": "https://x", "secret": "geheim"}}))
        for name in ("", "crm/2", "crm 2", "crm\n", "срм", "c" * 65)
    ),
    *(
        ("WEBHOOKS", json.dumps({"crm": {"url": url, "secret": "geheim"}}))
        for url in (
            "",
            "crm.example",
            "http://",
            "https://:443/x",
            "https://?x",
            "https://crm.example:port/x",
            "https://crm.example:99999/x",
            "https://crm.example:-1/x",
            "https://crm example/x",
            "https://crm..example/x",
            "https://" + "a" * 64 + ".example/x",
            "https://[::1/x",
            "https://1.2.3.999/x",
            "https://crm.example/" + "x" * 3_000,
        )
    ),
    ("LANGUAGES", "not json"),
    *(
        ("LANGUAGES", json.dumps(languages))
        for languages in (
            *([], {}, "en", {"en": "ru"}, [""], ["en", ""], ["en", None], [["en"]]),
            *(["en", "en"], ["en", "EN"], ["*"], ["en_GB"], ["en "], ["en\n"], ["en-"], ["-en"]),
            *(["e"], ["english"], ["12"], ["en--GB"], ["en-GB-" + "x" * 9], ["../en"], ["рус"]),
            ["en" + "-xx" * 100],
        )
    ),
    ("LOG_LEVEL", "loud"),
    ("PORTAL_URL", "portal.example"),
    ("KAFKA_REPLICATION", "0"),
    ("KAFKA_CLIENT", "not json"),
    ("KAFKA_CLIENT", '["ssl.ca.location"]'),
    ("KAFKA_CLIENT", '"ssl.ca.location"'),
    ("API_USER_RATE", "-1"),
    ("API_USER_RATE", "often"),
    ("API_USER_RATE", "1.5"),
    ("API_USER_RATE", "60001"),
    ("API_USER_BURST", "0"),
    ("API_KEY_RATE", "1e3"),
    ("API_KEY_BURST", "0"),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "https://portal.example/"),
    ("CORS_ORIGINS", '["https://portal.example"]'),
    ("UNSUBSCRIBE_URL", "http://api.portal.example"),
    ("UNSUBSCRIBE_URL", "https://anna:geheim@api.portal.example"),
    ("UNSUBSCRIBE_URL", "https://api.portal.example"),
    ("UNSUBSCRIBE_SECRETS", "geheim"),
    ("UNSUBSCRIBE_SECRETS", '["geheim"]'),
    ("UNSUBSCRIBE_SECRETS", '{"geheim": 1}'),
    ("UNSUBSCRIBE_SECRETS", '["geheim-geheim-geheim-geheim-geheim"]'),
    ("AUDIT_DAYS", "0"),
    ("AUDIT_DAYS", "for ever"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"QUADRUPEL_{name}", value)
    with pytest.raises(SettingRefused, match=f"QUADRUPEL_{name}") as refused:
        read_settings()
    assert "geheim" not in str(refused.value)


def test_links_that_refuse_emails_have_an_address_and_secrets_that_nobody_reads(monkeypatch):
    secrets = ["geheim" * 6, "geheimer" * 4]
    monkeypatch.setenv("QUADRUPEL_UNSUBSCRIBE_URL", "https://api.portal.example/")
    monkeypatch.setenv("QUADRUPEL_UNSUBSCRIBE_SECRETS", json.dumps(secrets))
    settings = read_settings()
    assert settings.unsubscribe_url == "https://api.portal.example"
    assert settings.unsubscribe_keys == secrets
    assert "geheim" not in repr(settings)


def test_a_short_secret_is_told_how_long_it_has_to_be(monkeypatch):
    monkeypatch.setenv("QUADRUPEL_UNSUBSCRIBE_SECRETS", json.dumps(["geheim" * 6, "geheim"]))
    with pytest.raises(SettingRefused, match=r"SECRETS\.1 is wrong: .*has 32 characters or more"):
        read_settings()


def test_languages_are_told_what_is_wrong_with_them(monkeypatch):
    for given, says in (([], "at least one language"), (["en_GB"], "'en_GB' is no language tag")):
        monkeypatch.setenv("QUADRUPEL_LANGUAGES", json.dumps(given))
        with pytest.raises(SettingRefused, match=says):
            read_settings()
    monkeypatch.setenv("QUADRUPEL_LANGUAGES", '["pt-BR", "zh-Hant-TW", "es-419", "fil"]')
    assert read_settings().languages == ("pt-BR", "zh-Hant-TW", "es-419", "fil")


def test_all_wrong_settings_are_named_at_once(monkeypatch):
    monkeypatch.setenv("QUADRUPEL_PARTITIONS", "0")
    monkeypatch.setenv("QUADRUPEL_NIGHT_AT", "late")
    with pytest.raises(SettingRefused) as refused:
        read_settings()
    assert "QUADRUPEL_PARTITIONS" in str(refused.value)
    assert "QUADRUPEL_NIGHT_AT" in str(refused.value)


WRONG_DATABASE_URLS = [
    "mysql://user:geheim@localhost/x",
    *(f"postgresql://user:{each}@localhost:5432/x" for each in ("geheim/x", "a@geheim", "geheim/")),
    *(f"postgresql://user:{each}@localhost/x" for each in ("%geheim", "geheim%", "gehe im")),
    *(f"postgresql://localhost/x?{each}" for each in ("password=a&geheim", "password=%geheim")),
    "postgresql://localhost/x?geheim=1",
    "postgresql://[geheim/x",
]


@pytest.mark.parametrize("url", WRONG_DATABASE_URLS)
@pytest.mark.parametrize("name", ["QUADRUPEL_DATABASE_URL", "QUADRUPEL_REPLICA_URL"])
def test_a_database_url_that_means_none_is_refused_and_no_password_repeated(monkeypatch, name, url):
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingRefused, match=f"{name} is wrong") as refused:
        read_settings()
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgres://localhost",
        "postgresql://user@localhost/x",
        "postgresql://user:p%2F%40%25@[::1]:5432/x",
        "postgresql://user:a?b#c:d@localhost/x",
        "postgresql://u:p@db-1:5432,db-2:5433/x?target_session_attrs=read-write",
        "postgresql://db-1,db-2/x",
        "postgresql:///x?host=/run/postgresql&user=a@b&sslmode=require",
        "postgresql://%2Frun%2Fpostgresql/x",
    ],
)
def test_a_database_url_is_what_the_clients_of_postgres_read(monkeypatch, url):
    monkeypatch.setenv("QUADRUPEL_DATABASE_URL", url)
    assert read_settings().database_url == url


REFUSED_CLIENTS = [
    *({name: "geheim"} for name in ("bootstrap.servers", "group.id", "transactional.id", "acks")),
    *({name: True} for name in ("enable.auto.commit", "enable.idempotence", "auto.offset.reset")),
    *(
        {name: "geheim"}
        for name in ("isolation.level", "debug", "plugin.library.paths", "error_cb")
    ),
    *({name: "geheim"} for name in ("", "ssl.", "SSL.CA.LOCATION", " ssl.ca.location", "sslx.y")),
    {"ssl.ca.location\0": "geheim"},
    {"sasl.password": None},
    {"sasl.password": ["geheim"]},
    {"sasl.password": {"geheim": "geheim"}},
    {"sasl.password": "geheim\0"},
    {"sasl.password": "geheim\ud800"},
    {"sasl.password": "geheim", "acks": 0},
]


@pytest.mark.parametrize("client", REFUSED_CLIENTS, ids=repr)
def test_what_is_not_about_kafkas_connections_is_refused_without_its_value(monkeypatch, client):
    monkeypatch.setenv("QUADRUPEL_KAFKA_CLIENT", json.dumps(client))
    with pytest.raises(SettingRefused, match="QUADRUPEL_KAFKA_CLIENT is wrong") as refused:
        read_settings()
    assert repr(list(client)[-1])[1:-1] in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_settings_of_kafkas_connections_are_text_for_its_library(monkeypatch):
    client = {
        "security.protocol": "SASL_SSL",
        "sasl.password": "ключ\n\"'",
        "enable.ssl.certificate.verification": False,
        "sasl.oauthbearer.refresh": 1.5,
        "client.rack": 3,
    }
    monkeypatch.setenv("QUADRUPEL_KAFKA_CLIENT", json.dumps(client))
    read = read_settings().kafka_client
    expected = {**client, "enable.ssl.certificate.verification": "false"}
    assert {name: value.get_secret_value() for name, value in read.items()} == {
        name: str(value) for name, value in expected.items()
    }


def test_a_webhook_is_called_where_its_url_says(monkeypatch):
    urls = {
        "plain": "https://crm.example:8443/hook?key=a%2Fb",
        "named": "https://пример.рф/hook",
        "numbered": "http://[::1]:8080/",
    }
    given = {name: {"url": url, "secret": "geheim"} for name, url in urls.items()}
    monkeypatch.setenv("QUADRUPEL_WEBHOOKS", json.dumps(given))
    read = {name: str(each.url) for name, each in read_settings().webhooks.items()}
    assert read == urls | {"named": "https://xn--e1afmkfd.xn--p1ai/hook"}


def test_a_setting_that_a_command_needs_and_nobody_gave_is_named():
    with pytest.raises(SettingRefused, match="QUADRUPEL_DATABASE_URL is not set"):
        _ = read_settings().database


def test_the_database_of_a_running_up_is_found(tmp_path):
    (tmp_path / "database-url").write_text("postgresql:///x?host=/tmp/here")
    assert read_settings().database == "postgresql:///x?host=/tmp/here"
    given = read_settings(database_url="postgresql://elsewhere/x")
    assert given.database == "postgresql://elsewhere/x"


def test_overrides_go_before_the_environment_and_none_is_no_override(monkeypatch):
    monkeypatch.setenv("QUADRUPEL_API_PORT", "9000")
    assert read_settings(api_port=9001).api_port == 9001
    assert read_settings(api_port=None).api_port == 9000


def test_origins_are_read_from_a_list_with_commas(monkeypatch):
    assert read_settings().origins == frozenset()
    monkeypatch.setenv("QUADRUPEL_CORS_ORIGINS", "https://portal.example, http://localhost:5173")
    assert read_settings().origins == {"https://portal.example", "http://localhost:5173"}


def test_an_empty_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("QUADRUPEL_KAFKA_BOOTSTRAP", "")
    assert read_settings().kafka_bootstrap is None


def test_the_folder_of_rules_is_the_setting_or_here_and_must_hold_a_declaration(tmp_path):
    with pytest.raises(SettingRefused, match="QUADRUPEL_RULES"):
        rules_folder(read_settings(rules=tmp_path / "nothing"))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "profile.py").touch()
    assert rules_folder(read_settings()).resolve() == tmp_path / "rules"
