import pytest

from quadrupel.rules.placements import Placement, declared
from quadrupel.rules.source import decode


def test_placements_have_a_description_and_a_limit():
    source = decode(b'"""Where."""\nmain = Placement("The top", limit=3)\n', "placements.py")
    assert declared(source) == {"main": Placement("main", "The top", 3)}
    assert source.problems == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('main = Placment("x", limit=3)', "did you mean Placement?"),
        ('main = Placement("x")', "Placement() needs limit"),
        ('main = Placement("x", limit=0)', "a whole number from 1 to 50"),
        ('main = Placement("x", limit=1.5)', "a whole number from 1 to 50"),
        ('main = Placement("x", limits=1)', "did you mean limit?"),
        ('Main = Placement("x", limit=1)', "is not a name for a placement"),
        ('main = Placement("x", limit=1)\nmain = Placement("x", limit=1)', "declared twice"),
        ("import os", "a list of assignments"),
        ("", "declares no placement"),
    ],
)
def test_a_wrong_placement_is_told_why(text, message):
    source = decode(text.encode(), "placements.py")
    declared(source)
    assert message in "\n".join(map(str, source.problems))
