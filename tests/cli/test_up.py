"""`quadrupel up` where another one runs; what it runs is in tests/e2e and tests/web."""

import os

from quadrupel.embedded import held


def test_a_second_one_on_the_same_folder_is_refused_and_changes_nothing_there(quadrupel, tmp_path):
    (tmp_path / "portal.pem").write_text("of the first")
    (tmp_path / "database-url").write_text("postgresql:///first")
    with held(tmp_path):
        called = quadrupel("up", "--data-dir", str(tmp_path))
        on_its_own_database = quadrupel("up", data_dir=tmp_path, database_url="postgresql:///x")
    assert called.code == on_its_own_database.code == 2
    assert f"quadrupel up runs here already (pid {os.getpid()})" in called.err
    assert (tmp_path / "portal.pem").read_text() == "of the first"
    assert (tmp_path / "database-url").read_text() == "postgresql:///first"
