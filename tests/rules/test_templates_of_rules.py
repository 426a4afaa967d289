"""A rule's e-mail must be of a template there is, and hand over what it shows."""

import shutil
from pathlib import Path

import pytest

from quadrupel.core.errors import DeclarationRefused
from quadrupel.rules import catalogue

SHIPPED = Path(__file__).parents[2] / "rules"


@pytest.fixture
def folder(tmp_path):
    for name in ("profile.py", "placements.py"):
        shutil.copy(SHIPPED / name, tmp_path)
    (tmp_path / "notices").mkdir()
    shutil.copy(SHIPPED / "notices" / "birthday.py", tmp_path / "notices")
    return tmp_path


def test_an_unknown_template_is_refused_with_the_one_that_was_meant(folder):
    with pytest.raises(DeclarationRefused, match='no template "birthday"') as refused:
        catalogue.load(folder, templates={"birthdays": frozenset()})
    assert "birthdays" in str(refused.value)


def test_a_template_that_shows_what_the_rule_does_not_give_is_refused(folder):
    with pytest.raises(DeclarationRefused, match="shows birth_date") as refused:
        catalogue.load(folder, templates={"birthday": {"birth_date"}})
    assert 'add values=["birth_date"]' in str(refused.value)


def test_a_template_with_what_it_shows_is_right(folder):
    assert catalogue.load(folder, templates={"birthday": frozenset()}).rules


def test_templates_that_nobody_names_are_not_looked_at(folder):
    assert catalogue.load(folder).rules
