import pytest

from quadrupel.core.attributes import Attribute, Feed, Operation, Type
from quadrupel.core.errors import DeclarationRefused
from quadrupel.rules.declaration import declared, read_schema
from quadrupel.rules.source import decode


def test_a_declaration_says_types_docs_values_and_feeds(schema):
    assert schema["expires"] == Attribute(
        "expires",
        Type.DATE,
        "e",
        (Feed(Operation.LATEST, "document.issued", "expires", {"kind": "licence"}),),
    )
    assert schema["sex"].values == ("female", "male")
    assert schema["active"].feeds == (
        Feed(Operation.SET, "person.seen", value=True),
        Feed(Operation.SET, "person.left", value=False),
    )
    assert schema["owed"].feeds == (
        Feed(Operation.SUM, "bill.sent", "amount"),
        Feed(Operation.SUBTRACT, "bill.paid", "amount"),
    )
    assert schema["orders"].feeds == (
        Feed(Operation.STATISTICS, "service.ordered", "price", key="service"),
    )
    assert schema["deeds"].feeds == (
        Feed(Operation.STATISTICS, "deed.done", key="deed", name="done"),
        Feed(Operation.STATISTICS, "deed.undone", key="deed", name="undone"),
    )
    assert schema["deeds"].names == ("done", "undone")
    assert schema["recent"] == Attribute(
        "recent", Type.WINDOWED_COUNT, "r", (Feed(Operation.COUNT, "person.visited"),), window=30
    )
    assert [name for name, _ in schema.attributes.items()][:3] == ["born", "expires", "issued"]


WINDOWED = 'a = WindowedCount("x", count("e")'

WRONG = {
    "an unknown type": ('a = Dat("x", latest("e", "f"))', "did you mean Date?"),
    "an unknown feed": ('a = Date("x", latets("e", "f"))', "did you mean latest?"),
    "no call": ("a = 5", "this is not written as a call"),
    "a call of something else": ('a = x.Date("x", latest("e", "f"))', "not written as a call"),
    "no description": ("a = Date()", "Date() needs a description"),
    "a feed as description": ('a = Date(latest("e", "f"))', "this must be a text"),
    "no feed": ('a = Date("x")', "nothing feeds a"),
    "a feed without event": ('a = Integer("x", count())', "count() needs event"),
    "a feed without field": ('a = Date("x", latest("e"))', "latest() needs field"),
    "a set without value": ('a = Boolean("x", set("e"))', "set() needs value"),
    "a statistic without key": ('a = Statistics("x", statistics("e"))', "needs key"),
    "statistics without names": (
        'a = Statistics("x", statistics("e", key="k"), statistics("f", key="k"))',
        "statistics() beside statistics() needs a name",
    ),
    "statistics of which one has no name": (
        'a = Statistics("x", statistics("e", key="k", name="n"), statistics("f", key="k"))',
        "statistics() beside statistics() needs a name",
    ),
    "statistics of one name": (
        (
            'a = Statistics("x", statistics("e", key="k", name="n"),'
            ' statistics("f", key="k", name="n"))'
        ),
        'there is a statistic "n" already',
    ),
    "a named statistic with a sum": (
        'a = Statistics("x", statistics("e", key="k", sum="s", name="n"))',
        "a statistic with a name sums nothing",
    ),
    "a name that is one already": (
        'a = Statistics("x", statistics("e", key="k", name="last_seen"))',
        "cannot be the name of a statistic",
    ),
    "a name with a point": (
        'a = Statistics("x", statistics("e", key="k", name="a.b"))',
        "cannot be the name of a statistic",
    ),
    "a name that is a number": (
        'a = Statistics("x", statistics("e", key="k", name=5))',
        "this must be a text",
    ),
    "a name of a count": ('a = Integer("x", count("e", name="n"))', '"name" is not known here'),
    "statistics beside a count": (
        'a = Statistics("x", statistics("e", key="k", name="n"), count("f"))',
        "count() cannot feed",
    ),
    "an event that is none": ('a = Integer("x", count("e e"))', "cannot be an event type"),
    "a field that is none": ('a = Date("x", latest("e", "f.g"))', "cannot be a member"),
    "a feed of another type": ('a = Date("x", count("e"))', "count feeds Integer"),
    "a sum of texts": ('a = Text("x", sum("e", "f"))', "sum feeds Integer, Decimal"),
    "a set of dates": ('a = Date("x", set("e", "2026-01-01"))', "set() cannot feed"),
    "a value of another type": ('a = Boolean("x", set("e", 1))', "a value of type boolean"),
    "a value beyond 64 bits": (f'a = Integer("x", set("e", {2**63}))', "more than 64 bits"),
    "a value that is not declared": (
        'a = Text("x", set("e", "womn"), values=["woman", "man"])',
        "did you mean woman?",
    ),
    "values of a date": ('a = Date("x", latest("e", "f"), values=["x"])', '"values" is not known'),
    "values that are no list": ('a = Text("x", latest("e", "f"), values="x")', "a list of texts"),
    "the same value twice": ('a = Text("x", latest("e", "f"), values=["x", "x"])', "there twice"),
    "counts beside latest": (
        'a = Integer("x", count("e"), latest("e", "f"))',
        "latest() cannot stand beside count()",
    ),
    "two last times": (
        'a = Date("x", last_time("e"), last_time("f"))',
        "last_time() cannot stand beside last_time()",
    ),
    "the same feed twice": ('a = Integer("x", count("e"), count("e"))', "the same feed"),
    "a window of nothing": (f"{WINDOWED}, days=0)", "a whole number from 1 to 366"),
    "a window before its end": (f"{WINDOWED}, days=-1)", "a whole number from 1 to 366"),
    "a window of more than a year": (f"{WINDOWED}, days=367)", "a whole number from 1 to 366"),
    "a window as a text": (f'{WINDOWED}, days="30")', "hint: how many days it looks back"),
    "a window as a condition": (f"{WINDOWED}, days=True)", "a whole number from 1 to 366"),
    "a window of half a day": (f"{WINDOWED}, days=0.5)", "a whole number from 1 to 366"),
    "a window without end": (f"{WINDOWED}, days=1e999)", "a whole number from 1 to 366"),
    "a window as a period": (f"{WINDOWED}, days=days(30))", "this must be a constant"),
    "no window": (f"{WINDOWED})", "WindowedCount() needs days"),
    "a window without a name": (f"{WINDOWED}, 30)", "WindowedCount() needs days"),
    "a window of another name": (f"{WINDOWED}, within=30)", '"within" is not known here'),
    "a window of a feed": ('a = Integer("x", count("e", days=30))', '"days" is not known here'),
    "a window of an integer": ('a = Integer("x", count("e"), days=30)', '"days" is not known here'),
    "a window fed by nothing": ('a = WindowedCount("x", days=30)', "nothing feeds a"),
    "a windowed sum": ('a = WindowedCount("x", sum("e", "f"), days=30)', "takes count"),
    "a windowed count beside latest": (
        f'{WINDOWED}, latest("e", "f"), days=30)',
        "latest() cannot feed an attribute of type windowed_count",
    ),
    "a condition on a list": ('a = Integer("x", count("e", where={"k": [1]}))', "this must be a"),
    "a condition that is no mapping": ('a = Integer("x", count("e", where="k"))', "a mapping"),
    "a condition twice": ('a = Integer("x", count("e", where={"k": 1, "k": 2}))', "there twice"),
    "a condition by unpacking": ('a = Integer("x", count("e", where={**k}))', "without **"),
    "feeds by unpacking": ('a = Integer("x", *feeds)', "not written as a call"),
    "a capital in a name": ('aB = Integer("x", count("e"))', "is not a name for an attribute"),
    "an underscore before a name": ('_a = Integer("x", count("e"))', "is not a name"),
    "a long name": ("a" * 49 + ' = Integer("x", count("e"))', "longer than 48 characters"),
    "a column of the table": ('user_id = Integer("x", count("e"))', '"user_id" is reserved'),
    "a system column": ('xmin = Integer("x", count("e"))', '"xmin" is reserved'),
    "a word of SQL": ('limit = Integer("x", count("e"))', '"limit" is reserved'),
    "a word of examples": ('today = Integer("x", count("e"))', '"today" is reserved'),
    "a name twice": (
        'a = Integer("x", count("e"))\na = Integer("x", count("e"))',
        "a is declared twice",
    ),
    "names with one tag": (
        'plumless = Integer("x", count("e"))\nbuckeroo = Integer("x", count("e"))',
        "buckeroo and plumless have the same tag",
    ),
    "a name with the tag of an erasure": (
        'jiiylyfa = Integer("x", count("e"))',
        "jiiylyfa and user.erased have the same tag",
    ),
    "a feed by erasures": (
        'a = Integer("x", count("user.erased"))',
        "user.erased feeds nothing: it takes the profile away",
    ),
    "a column of ours": ('erased = Integer("x", count("e"))', '"erased" is reserved'),
    "an import": ("import os", "a list of assignments"),
    "a loop": ("for x in y: pass", "a list of assignments"),
    "two targets": ('a = b = Integer("x", count("e"))', "a list of assignments"),
    "an annotation": ('a: int = Integer("x", count("e"))', "a list of assignments"),
    "nothing": ('"""Empty."""', "declares no attribute"),
    "no Python": ("a = (", "was never closed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_declaration_is_told_why(name):
    text, message = WRONG[name]
    source = decode(text.encode(), "profile.py")
    declared(source)
    assert message in "\n".join(map(str, source.problems))


def test_a_file_with_several_problems_is_refused_with_all(tmp_path):
    path = tmp_path / "profile.py"
    path.write_text('a = Date("x", count("e"))\nb = Int("x", count("e"))\nuser_id = 5\n')
    with pytest.raises(DeclarationRefused) as refused:
        read_schema(path)
    text = str(refused.value)
    assert "profile.py:1:15: count() cannot feed an attribute of type date" in text
    assert 'profile.py:2:5: "Int" is not known here' in text
    assert 'profile.py:3:1: "user_id" is reserved' in text
    assert text.endswith("4 problems")


def test_a_right_file_is_read(tmp_path):
    path = tmp_path / "profile.py"
    path.write_text('a = Integer("x", count("e"))\n')
    assert list(read_schema(path).attributes) == ["a"]


def test_nothing_of_a_declaration_is_executed(tmp_path):
    trace = tmp_path / "trace"
    effect = f"open({str(trace)!r}, 'w').close()"
    for text in (
        effect,
        f"a = {effect}",
        f'a = Date("x", {effect})',
        f"a = Date(({effect}), count('e'))",
    ):
        source = decode(text.encode(), "profile.py")
        declared(source)
        assert source.problems
    assert not trace.exists()
