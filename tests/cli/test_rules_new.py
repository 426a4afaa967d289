import json
import shutil
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "rules"
NEEDED = ("--situation", "transport", "--owner", "transport")


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped rules."""
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    return folder


@pytest.fixture
def new(quadrupel, folder):
    return lambda *arguments: quadrupel("rules", "new", *arguments, "--rules", str(folder))


@pytest.mark.parametrize(
    "about",
    [
        "",
        "driving_licence_expires",
        "employed",
        "children",
        "sex",
        "residence_region",
        "fines_owed",
        "recent_fines",
    ],
)
def test_a_new_rule_passes_check_and_test_as_it_is(quadrupel, new, folder, about):
    arguments = ("--about", about) if about else ()
    called = new("my_new_rule", *NEEDED, *arguments)
    assert called.code == 0, called.err
    assert called.out.startswith(f"wrote {folder / 'transport' / 'my_new_rule.py'}\n")
    assert quadrupel("rules", "check", "--rules", str(folder)).code == 0
    called = quadrupel("rules", "test", "my_new_rule", "--rules", str(folder), "--json")
    proof = json.loads(called.out)
    assert (called.code, proof["failures"], proof["undecided"]) == (0, [], [])
    assert proof["examples"] >= 2


def test_a_new_rule_about_a_text_of_one_value_passes_too(quadrupel, new, folder):
    profile = folder / "profile.py"
    profile.write_text(
        profile.read_text()
        + '\norgan_donor = Text("Of what", latest("donor.asked", "answer"), values=["yes"])\n'
    )
    assert new("my_new_rule", *NEEDED, "--about", "organ_donor").code == 0
    called = quadrupel("rules", "check", "--rules", str(folder))
    assert called.code == 0, called.err
    assert quadrupel("rules", "test", "my_new_rule", "--rules", str(folder)).code == 0


def test_what_is_said_is_in_the_script(new, folder):
    said = ("--description", 'About "this" \\ and that.', "--placement", "sidebar")
    titles = ("--title", 'en=Your "new" title', "--title", "ru=Новый заголовок")
    assert new("my_new_rule", "--situation", "new_one", "--owner", "me", *said, *titles).code == 0
    script = (folder / "new_one" / "my_new_rule.py").read_text()
    assert script.startswith('"""About \\"this\\" \\\\ and that."""\n\nowner = "me"\n')
    for part in ('"en": "Your \\"new\\" title"', '"ru": "Новый заголовок"', 'placement="sidebar"'):
        assert part in script


def test_it_asks_on_a_terminal(new, folder, monkeypatch):
    answers = iter(["my_new_rule", "transport", "me"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda text: next(answers))
    assert new().code == 0
    assert (folder / "transport" / "my_new_rule.py").exists()


def test_nothing_is_ever_overwritten(new, folder):
    path = folder / "transport" / "driving_licence_expired.py"
    before = path.read_text()
    for situation in ("transport", "notices"):
        called = new("driving_licence_expired", "--situation", situation, "--owner", "me")
        assert called.code == 1
        assert "is there already: choose another id" in called.err
    assert path.read_text() == before
    assert not (folder / "notices" / "driving_licence_expired.py").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (NEEDED, 2, "ID is missing"),
        (("my_rule", "--owner", "me"), 2, "--situation is missing"),
        (("my_rule", "--situation", "transport"), 2, "--owner is missing"),
        (("../evil", *NEEDED), 2, '"../evil" is not 3 to 64'),
        (("My-Rule", *NEEDED), 2, "is not 3 to 64"),
        (("my_rule", "--situation", "/tmp", "--owner", "me"), 2, '"/tmp" is not 3 to 64'),
        (("my_rule", *NEEDED, "--about", "childen"), 1, "did you mean children?"),
        (("my_rule", *NEEDED, "--about", "orders"), 1, "orders is of type statistics"),
        (("my_rule", *NEEDED, "--title", "Hello"), 2, "is none of en=TEXT, ru=TEXT"),
        (("my_rule", *NEEDED, "--title", "de=Hallo"), 2, "is none of en=TEXT, ru=TEXT"),
        (("my_rule", *NEEDED, "--title", "en={nobody}"), 2, 'no attribute "nobody"'),
        (("my_rule", *NEEDED, "--placement", "mian"), 2, "did you mean main?"),
    ],
)
def test_what_cannot_be_a_rule_is_not_written(new, folder, arguments, code, said):
    before = sorted(folder.rglob("*"))
    called = new(*arguments)
    assert called.code == code
    assert said in called.err
    assert sorted(folder.rglob("*")) == before
