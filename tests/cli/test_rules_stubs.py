import json


def write_declarations(folder, doc="Born"):
    (folder / "profile.py").write_text(f'born = Date("{doc}", latest("registered", "born"))\n')
    (folder / "placements.py").write_text('main = Placement("m", limit=3)\n')


def test_stubs_are_written_where_editors_look(quadrupel, tmp_path):
    write_declarations(tmp_path)
    assert quadrupel("rules", "stubs", "--rules", str(tmp_path)).out.startswith("wrote ")
    assert "    born: date\n" in (tmp_path / "__builtins__.pyi").read_text()
    again = quadrupel("rules", "stubs", "--rules", str(tmp_path), "--json")
    assert json.loads(again.out) == {
        "path": str(tmp_path / "__builtins__.pyi"),
        "up_to_date": True,
        "written": False,
    }
    assert quadrupel("rules", "check", "--rules", str(tmp_path)).code == 0


def test_check_writes_nothing_and_fails_when_they_are_old(quadrupel, tmp_path):
    write_declarations(tmp_path)
    assert quadrupel("rules", "stubs", "--check", "--rules", str(tmp_path)).code == 1
    assert not (tmp_path / "__builtins__.pyi").exists()
    quadrupel("rules", "stubs", "--rules", str(tmp_path))
    assert quadrupel("rules", "stubs", "--check", "--rules", str(tmp_path)).code == 0
    write_declarations(tmp_path, "Another description")
    old = quadrupel("rules", "stubs", "--check", "--rules", str(tmp_path))
    assert old.code == 1
    assert "is not up to date" in old.out


def test_stubs_of_a_wrong_declaration_are_refused(quadrupel, tmp_path):
    write_declarations(tmp_path)
    (tmp_path / "profile.py").write_text("born = Dat()")
    called = quadrupel("rules", "stubs", "--rules", str(tmp_path))
    assert called.code == 2
    assert "did you mean Date?" in called.err
