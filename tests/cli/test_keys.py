import hashlib
import json

import psycopg
import pytest
from typer.testing import CliRunner

from quadrupel.cli.keys import app
from quadrupel.config import migrations_folder
from quadrupel.core.errors import NotFound
from quadrupel.store import migrations


@pytest.fixture
def tables(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    migrations.migrate(database_url, migrations_folder())
    monkeypatch.setenv("QUADRUPEL_DATABASE_URL", database_url)
    return database_url


def run(*arguments: str):
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_key_is_printed_once_and_stored_as_a_hash(tables: str) -> None:
    result = run("create", "--name", "crm", "--scope", "banners:read", "--scope", "events:write")
    key = result.stdout.strip()
    prefix, key_id, secret = key.split("_", 2)
    assert prefix == "qk"
    with psycopg.connect(tables) as connection:
        row = connection.execute("SELECT * FROM api_keys").fetchone()
    assert row[0] == key_id
    assert row[2] == hashlib.sha256(secret.encode()).digest()
    assert row[3] == ["banners:read", "events:write"]
    assert secret not in run("list").stdout
    assert secret not in run("list", "--json").stdout


def test_keys_are_listed_with_what_became_of_them(tables: str) -> None:
    created = json.loads(
        run("create", "--name", "a [red]b", "--scope", "banners:read", "--json").stdout
    )
    run("create", "--name", "short", "--scope", "banners:read", "--expires", "1")
    assert run("revoke", created["id"]).exit_code == 0
    assert run("revoke", created["id"]).exit_code == 0
    listed = json.loads(run("list", "--json").stdout)
    assert [(key["name"], key["state"]) for key in listed] == [
        ("a [red]b", "revoked"),
        ("short", "holds"),
    ]
    assert listed[1]["expires_at"] > listed[1]["created_at"]
    assert "a [red]b" in run("list").stdout


def test_an_unknown_key_cannot_be_revoked(tables: str) -> None:
    with pytest.raises(NotFound, match="keys list"):
        run("revoke", "abc")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scope", "banners:read"],
        ["--name", "x"],
        ["--name", "x", "--scope", "everything"],
        ["--name", "", "--scope", "banners:read"],
        ["--name", "a\nb", "--scope", "banners:read"],
        ["--name", "x" * 101, "--scope", "banners:read"],
        ["--name", "x", "--scope", "banners:read", "--expires", "0"],
    ],
)
def test_a_wrong_key_is_not_created(arguments: list[str]) -> None:
    assert run("create", *arguments).exit_code == 2
