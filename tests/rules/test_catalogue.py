import time

import pytest

from quadrupel.core.errors import DeclarationRefused
from quadrupel.rules.catalogue import examine, load


def problems(folder):
    return [f"{problem.path}: {problem.message}" for problem in sorted(examine(folder).problems)]


def test_a_folder_is_read_as_a_rule_set(folder):
    rule_set = load(folder)
    assert list(rule_set.rules) == ["someone_born"]
    rule = rule_set.rules["someone_born"]
    assert (rule.id, rule.situation) == ("someone_born", "people")
    assert rule.path == str(folder / "people" / "someone_born.py")
    assert list(rule_set.placements) == ["main", "sidebar"]
    assert "born" in rule_set.schema.attributes


def test_rules_are_in_the_order_of_their_ids(folder, script):
    (folder / "z_last").mkdir()
    (folder / "z_last" / "a_first.py").write_text(script)
    (folder / "people" / "z_last.py").write_text(script)
    assert list(load(folder).rules) == ["a_first", "someone_born", "z_last"]


def test_what_is_no_rule_is_left_alone(folder):
    (folder / "README.md").write_text("# Rules")
    (folder / "_draft.py").write_text("nonsense(")
    (folder / "__builtins__.pyi").write_text("nonsense(")
    (folder / "people" / "_draft.py").write_text("nonsense(")
    (folder / "people" / "notes.txt").write_text("x")
    (folder / "people" / "__pycache__").mkdir()
    (folder / ".git").mkdir()
    (folder / "templates").mkdir()
    (folder / "templates" / "mail.py").write_text("nonsense(")
    (folder / "templates" / "reminder").mkdir()
    assert list(load(folder).rules) == ["someone_born"]


def test_all_problems_of_all_files_are_in_one_error(folder, script):
    (folder / "profile.py").write_text((folder / "profile.py").read_text() + "\nx = Dat('x')\n")
    (folder / "people" / "someone_born.py").write_text(script.replace("born <=", "bron <="))
    (folder / "people" / "another.py").write_text(script.replace('"main"', '"man"'))
    with pytest.raises(DeclarationRefused) as refused:
        load(folder)
    text = str(refused.value)
    assert 'people/another.py:4:27: there is no placement "man"' in text
    assert 'people/someone_born.py:8:12: the profile has no attribute "bron"' in text
    assert 'profile.py:25:5: "Dat" is not known here' in text
    assert text.endswith("3 problems")


def test_an_attribute_that_is_declared_wrongly_is_not_also_unknown(folder):
    profile = (folder / "profile.py").read_text()
    (folder / "profile.py").write_text(profile.replace('latest("person.registered", "born")', "x"))
    assert problems(folder) == [f"{folder}/profile.py: this is not written as a call"]


def test_a_declaration_that_is_no_python_is_the_only_problem(folder):
    (folder / "profile.py").write_text("born = (")
    assert problems(folder) == [f"{folder}/profile.py: '(' was never closed"]


def test_missing_declarations_are_problems(tmp_path):
    assert problems(tmp_path) == [
        f"{tmp_path}/placements.py: cannot be read: No such file or directory",
        f"{tmp_path}/profile.py: cannot be read: No such file or directory",
    ]


def test_an_id_is_unique_over_all_situations(folder, script):
    (folder / "work").mkdir()
    (folder / "work" / "someone_born.py").write_text(script)
    path = folder / "work" / "someone_born.py"
    first = folder / "people" / "someone_born.py"
    assert problems(folder) == [f"{path}: someone_born is also the id of {first}"]


def test_files_and_folders_in_wrong_places_are_refused(folder, script):
    (folder / "loose.py").write_text(script)
    (folder / "Big").mkdir()
    (folder / "people" / "Upper.py").write_text(script)
    (folder / "people" / "ab.py").write_text(script)
    (folder / "people" / "inner").mkdir()
    (folder / "elsewhere").symlink_to(folder / "people")
    (folder / "people" / "link.py").symlink_to(folder / "people" / "someone_born.py")
    found = problems(folder)
    assert [text.removeprefix(f"{folder}/").split(":")[0] for text in found] == [
        "Big",
        "elsewhere",
        "loose.py",
        "people/Upper.py",
        "people/ab.py",
        "people/inner",
        "people/link.py",
    ]


def test_the_languages_that_texts_must_have_are_given(folder):
    load(folder, ("en",))
    with pytest.raises(DeclarationRefused, match='the text in "de" is missing'):
        load(folder, ("en", "de"))


def test_the_hash_follows_identities_and_ids_and_no_texts(folder, script):
    path = folder / "people" / "someone_born.py"
    before = load(folder).hash
    path.write_text(script.replace("Title", "Another title"))
    assert load(folder).hash == before
    path.write_text(script.replace("born <= today", "born < today"))
    assert load(folder).hash != before
    path.write_text(script)
    path.rename(folder / "people" / "renamed.py")
    assert load(folder).hash != before


def test_a_hundred_hostile_rules_are_refused_in_seconds(folder):
    for number in range(100):
        (folder / "people" / f"hostile_{number}.py").write_text("x = " + "-" * 9_000 + "1")
    started = time.monotonic()
    assert len(problems(folder)) == 100
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("word", ["exclusive", "story"])
def test_two_banners_of_a_group_or_story_with_one_priority_are_refused(folder, script, word):
    named = script.replace("placement=", f'{word}="birth", placement=', 1)
    assert named != script
    (folder / "people" / "someone_born.py").write_text(named)
    assert problems(folder) == []
    other = folder / "people" / "the_same.py"
    other.write_text(named)
    [problem] = problems(folder)
    assert f'has {word}="birth" and the priority of' in problem
    other.write_text(named.replace('"birth"', '"death"'))
    assert problems(folder) == []
    other.write_text(named.replace("priority=5", "priority=6"))
    assert problems(folder) == []
    other.write_text(named.replace("priority=5", "priority=5, must_show=True"))
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("priority=5", "priority=6"),
        ('placement="main"', 'placement="sidebar"'),
        ("priority=5", 'priority=5, story="birth"'),
        ("priority=5", 'priority=5, exclusive="birth"'),
        ("priority=5", "priority=5, must_show=True"),
        ('owner = "team"', 'owner = "team"\nshadow = True'),
        ('owner = "team"', 'owner = "team"\nshare = 0.5'),
    ],
)
def test_what_banners_are_arbitrated_by_is_part_of_the_hash_and_of_no_identity(folder, old, new):
    before, path = load(folder), folder / "people" / "someone_born.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    after = load(folder)
    assert after.hash != before.hash
    assert after.identities == before.identities
    assert after.weights.keys() == before.weights.keys()
    assert after.weights != before.weights


FALLBACK = 'limit=3, fallback=Banner(link="/x", title={"en": "T", "ru": "T"})'


@pytest.mark.parametrize(
    ("old", "new", "weighs"),
    [
        ("limit=3", 'limit={"web": 3, "ios": 3, "android": 2}', True),
        ("limit=3", 'limit=3, clients=["web"]', True),
        ("limit=3", 'limit={"web": 3, "ios": 3, "android": 3}', False),
        ("limit=3", FALLBACK, False),
        ('"m"', '"Another description"', False),
        ("limit=2", "limit=1", False),  # of a placement that has no rule
    ],
)
def test_the_limits_of_a_placement_weigh_on_its_rules(folder, old, new, weighs):
    before, path = load(folder).hash, folder / "placements.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert (load(folder).hash != before) is weighs
