import pytest

from quadrupel.rules.placements import Fallback, Placement, clients_of, declared
from quadrupel.rules.source import decode

EVERYWHERE = {"web": 3, "ios": 3, "android": 3}
TITLE = 'title={"en": "All {{services}}", "ru": "Все"}'


def read(text, languages=("en", "ru")):
    source = decode(text.encode(), "placements.py")
    found = declared(source, languages)
    return found, "\n".join(map(str, source.problems))


def placement(arguments):
    found, problems = read(f'"""Where."""\nmain = Placement("The top", {arguments})\n')
    assert problems == ""
    return found["main"]


def test_placements_have_a_description_and_a_limit():
    assert placement("limit=3") == Placement("main", "The top", EVERYWHERE)


def test_a_placement_belongs_to_some_clients_in_their_own_order():
    assert placement('limit=2, clients=["android", "web"]').limits == {"web": 2, "android": 2}
    assert placement('limit=2, clients=["ios"]').clients == ("ios",)


def test_a_limit_by_client_says_which_clients_there_are():
    found = placement('limit={"ios": 1, "web": 3}')
    assert (found.limits, found.clients) == ({"web": 3, "ios": 1}, ("web", "ios"))


def test_a_fallback_has_a_link_and_texts_as_they_are_shown():
    found = placement(f'limit=1, fallback=Banner(link="/all", {TITLE})')
    assert found.fallback == Fallback("/all", {"en": "All {services}", "ru": "Все"}, {})
    found = placement(
        f'limit=1, fallback=Banner(link="/all", {TITLE}, text={{"en": "E", "ru": "R"}})'
    )
    assert found.fallback.text == {"en": "E", "ru": "R"}


def test_the_clients_of_all_placements_are_named_in_their_order():
    found, _ = read(
        'a = Placement("a", limit={"android": 1})\nb = Placement("b", limit={"web": 1})'
    )
    assert clients_of(found.values()) == ("web", "android")
    assert clients_of([]) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('main = Placment("x", limit=3)', "did you mean Placement?"),
        ('main = Placement("x")', "Placement() needs limit"),
        ('main = Placement("x", limit=0)', "a whole number from 1 to 50"),
        ('main = Placement("x", limit=1.5)', "a whole number from 1 to 50"),
        ('main = Placement("x", limit=True)', "a whole number from 1 to 50"),
        ('main = Placement("x", limit="3")', 'or by client: {"web": 3, "ios": 1}'),
        ('main = Placement("x", limits=1)', "did you mean limit?"),
        ('main = Placement("x", limit={})', "no client has shows nothing to anybody"),
        ('main = Placement("x", limit={"web": 0})', 'leave "web" out if it shows nothing there'),
        ('main = Placement("x", limit={"wbe": 1})', "did you mean web?"),
        ('main = Placement("x", limit={"tv": 1})', "the clients are android, ios, web"),
        ('main = Placement("x", limit={web: 1})', "this must be a text"),
        ('main = Placement("x", limit={"web": 1, "web": 2})', '"web" is there twice'),
        ('main = Placement("x", limit={**{"web": 1}})', "without **"),
        ('main = Placement("x", limit={"web": {"web": 1}})', "a whole number from 1 to 50"),
        ('main = Placement("x", limit={"web": 1}, clients=["web"])', "the limit says already"),
        ('main = Placement("x", limit=1, clients=[])', "no client has shows nothing to anybody"),
        ('main = Placement("x", limit=1, clients="web")', "must be a list of texts"),
        ('main = Placement("x", limit=1, clients=["web", "web"])', '"web" is there twice'),
        ('main = Placement("x", limit=1, clients=["wbe"])', "did you mean web?"),
        ('main = Placement("x", limit=1, clients=[web])', "this must be a text"),
        ('main = Placement("x", limit=1, client=["web"])', "did you mean clients?"),
        ('Main = Placement("x", limit=1)', "is not a name for a placement"),
        ('main = Placement("x", limit=1)\nmain = Placement("x", limit=1)', "declared twice"),
        ("import os", "a list of assignments"),
        ("", "declares no placement"),
    ],
)
def test_a_wrong_placement_is_told_why(text, message):
    _, problems = read(text)
    assert message in problems


@pytest.mark.parametrize(
    ("fallback", "message"),
    [
        (f"Banner({TITLE})", "Banner() needs link"),
        ('Banner(link="/x")', "Banner() needs title"),
        (f'Banner(link="//evil.example", {TITLE})', "a link is a path or an https address"),
        ('Banner(link="/x", title={"en": "T"})', 'the text in "ru" is missing'),
        (f'Banner(link="/x", {TITLE}, text={{"ru": "T"}})', 'the text in "en" is missing'),
        ('Banner(link="/x", title={"en": "By {day}", "ru": "T"})', "it has no {day}"),
        ('Banner(link="/x", title={"en": "By {}", "ru": "T"})', "it has no {}"),
        ('Banner(link="/x", title={"en": "By {", "ru": "T"})', "braces"),
        (f'Banner(placement="main", link="/x", {TITLE})', '"placement" is not known here'),
        (f'Banner(priority=1, link="/x", {TITLE})', "the names here are link, text, title"),
        (f'Banner("/x", {TITLE})', "this argument needs a name"),
        (f'Baner(link="/x", {TITLE})', "did you mean Banner?"),
        ('"All services"', "this is not written as a call"),
    ],
)
def test_a_wrong_fallback_is_told_why(fallback, message):
    found, problems = read(f'main = Placement("x", limit=1, fallback={fallback})')
    assert message in problems
    assert found == {}


def test_the_caret_stands_under_the_client_that_is_wrong():
    _, problems = read('main = Placement("x", limit=1, clients=["web", "iso"])')
    _, line, caret, hint = problems.splitlines()
    assert line[caret.index("^") : caret.rindex("^") + 1] == '"iso"'
    assert hint.strip() == "hint: did you mean ios?"
