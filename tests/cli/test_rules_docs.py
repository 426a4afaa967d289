import json
from pathlib import Path

import sqlalchemy as sa

from quadrupel.store.database import transaction

SHIPPED = str(Path(__file__).parents[2] / "rules")


def test_docs_are_written_where_asked(quadrupel, tmp_path):
    out = tmp_path / "some" / "where"
    called = quadrupel("rules", "docs", "--rules", SHIPPED, "--out", str(out), "--json")
    assert called.code == 0
    written = json.loads(called.out)["pages"]
    assert str(out / "index.html") in written
    assert sorted(written) == sorted(str(path) for path in out.iterdir())


def test_docs_say_how_many_match_where_there_is_a_database(
    quadrupel, tmp_path, engine, migrated_url
):
    with transaction(engine) as connection:
        connection.execute(
            sa.text(
                "INSERT INTO matches (user_id, rule, episode, opened_on, shown)"
                " VALUES ('anna', 'birthday', '', '2026-11-23', '{}')"
            )
        )
    options = ("--rules", SHIPPED, "--out", str(tmp_path))
    assert quadrupel("rules", "docs", *options, database_url=migrated_url).code == 0
    assert "1 citizen now" in (tmp_path / "notices.html").read_text()
