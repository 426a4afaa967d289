"""Stubs: the words of the language and the declared attributes as types, for editors.

`rules/__builtins__.pyi` is where pyright and Pylance look for names that no import brings. With
it they complete attributes, show what each is, and check a predicate whose parameters have types:
`def matches(user: User, today: date) -> bool`. Nothing else reads the file; `quadrupel rules check`
remains what decides.
"""

from collections.abc import Iterable, Iterator, Mapping

from quadrupel.core.attributes import Attribute, Schema, Type
from quadrupel.core.banners import CLIENTS
from quadrupel.rules.functions import FORMS, FUNCTIONS, Function
from quadrupel.rules.statistics import FIELDS, words_of
from quadrupel.rules.tree import Kind

FILE_NAME = "__builtins__.pyi"

_HEAD = '''# Written by `quadrupel rules stubs` from the declarations, for editors: never executed.

from typing import Literal, TypeAlias, TypedDict, overload

class Period:
    """Some days, months or years, to add to a day or to take from it."""

class date:
    """A day: `date(2026, 12, 31)`."""
    def __init__(self, year: int, month: int, day: int, /) -> None: ...
    def __add__(self, period: Period, /) -> date: ...
    def __radd__(self, period: Period, /) -> date: ...
    @overload
    def __sub__(self, period: Period, /) -> date: ...
    @overload
    def __sub__(self, day: date, /) -> int: ...
    def __lt__(self, day: date, /) -> bool: ...
    def __le__(self, day: date, /) -> bool: ...
    def __gt__(self, day: date, /) -> bool: ...
    def __ge__(self, day: date, /) -> bool: ...

class datetime:
    """A time. `day_of(...)` is its day."""
    def __lt__(self, time: datetime, /) -> bool: ...
    def __le__(self, time: datetime, /) -> bool: ...
    def __gt__(self, time: datetime, /) -> bool: ...
    def __ge__(self, time: datetime, /) -> bool: ...

class Statistic:
    """What is remembered of one key."""
    count: int
    """How often it occurred; 0 if never."""
    sum: float
    """What its amounts add up to; 0 if it never occurred."""
    first: datetime
    """When it first occurred; unknown if never."""
    last: datetime
    """When it last occurred; unknown if never."""

class KeyedStatistics:
    """Statistics by key: `user.orders["passport"].count`."""
    def __getitem__(self, key: str, /) -> Statistic: ...

class StatisticExample(TypedDict, total=False):
    count: int
    sum: float
    first: str
    last: str
'''

_TYPES: Mapping[Kind, str] = {
    Kind.DATE: "date",
    Kind.DATETIME: "datetime",
    Kind.INTEGER: "int",
    Kind.DECIMAL: "float",
    Kind.BOOLEAN: "bool",
    Kind.TEXT: "str",
    Kind.PERIOD: "Period",
    Kind.STATISTICS: "KeyedStatistics",
    Kind.WINDOWED_COUNT: "int",
}

_FORMS = {
    "days": "(number: int, /) -> Period",
    "months": "(number: int, /) -> Period",
    "years": "(number: int, /) -> Period",
    "is_holiday": "(day: date, /) -> bool",
    "is_known": "(x: object, /) -> bool",
    "one_of": "(x: object, /, *constants: object) -> bool",
}
"""The signatures of forms that have one; the others take anything and answer with a boolean."""

_ASKED: Mapping[str, str] = {
    "count": "How often there was `{}`; 0 if never.",
    "first": "When there first was `{}`; unknown if never.",
    "last": "When there last was `{}`; unknown if never.",
}

_IN_EXAMPLES: Mapping[Type, str] = {
    Type.DATE: "str",
    Type.DATETIME: "str",
    Type.INTEGER: "int",
    Type.DECIMAL: "float",
    Type.BOOLEAN: "bool",
    Type.TEXT: "str",
    Type.STATISTICS: "dict[str, StatisticExample]",
    Type.WINDOWED_COUNT: "list[str]",
}
"""How a value is written in an example."""

_EXAMPLES = {
    "match": "A user and a day for whom the rule holds.",
    "no_match": "A user and a day for whom the rule does not hold.",
    "unknown": "A user and a day for whom something is missing to say whether the rule holds.",
}

_DECLARATIONS = '''
class Placement:
    """A place for banners; at most `limit` of one citizen's are shown there at a time.

    Where clients differ, `limit` says how many each shows: `limit={"web": 3, "ios": 1}`.
    """
    @overload
    def __init__(
        self, doc: str, *, limit: int, clients: list[Client] = ..., fallback: Banner = ...
    ) -> None: ...
    @overload
    def __init__(self, doc: str, *, limit: dict[Client, int], fallback: Banner = ...) -> None: ...

class Variant:
    """How a share of the citizens read the banner: with this title or text instead of its own."""
    def __init__(
        self, *, share: float, title: dict[str, str] = ..., text: dict[str, str] = ...
    ) -> None: ...

class Goal:
    """The event that the rule wants, within some days after it began to hold: 30, or others."""
    def __init__(self, event: str, *, where: Where = ..., within: Period = ...) -> None: ...

class Feed:
    """How events of a type change an attribute."""

class Attribute:
    """A declared attribute of the profile."""

Where: TypeAlias = dict[str, str | int | bool]
"""Members of an event's data and the value each must have for the event to count."""

def Date(doc: str, /, *feeds: Feed) -> Attribute: ...
def DateTime(doc: str, /, *feeds: Feed) -> Attribute: ...
def Integer(doc: str, /, *feeds: Feed) -> Attribute: ...
def Decimal(doc: str, /, *feeds: Feed) -> Attribute: ...
def Boolean(doc: str, /, *feeds: Feed) -> Attribute: ...
def Text(doc: str, /, *feeds: Feed, values: list[str] = ...) -> Attribute: ...
def Statistics(doc: str, /, *feeds: Feed) -> Attribute: ...
def WindowedCount(doc: str, /, *feeds: Feed, days: int) -> Attribute: ...
def latest(event: str, field: str, *, where: Where = ...) -> Feed:
    """The field's value of the event with the latest time."""
def set(event: str, value: str | int | bool, *, where: Where = ...) -> Feed:
    """This value, when the event has the latest time."""
def clear(event: str, *, where: Where = ...) -> Feed:
    """No value, when the event has the latest time."""
def count(event: str, *, where: Where = ...) -> Feed:
    """Plus one for each event."""
def sum(event: str, field: str, *, where: Where = ...) -> Feed:
    """Plus the field's value."""
def subtract(event: str, field: str, *, where: Where = ...) -> Feed:
    """Minus the field's value."""
def first_time(event: str, *, where: Where = ...) -> Feed:
    """The time of the earliest event."""
def last_time(event: str, *, where: Where = ...) -> Feed:
    """The time of the latest event."""
def statistics(
    event: str, *, key: str, sum: str = ..., name: str = ..., where: Where = ...
) -> Feed:
    """Count, sum, first and last time by the value of a member of the event's data."""
'''


def stubs(schema: Schema, placements: Iterable[str]) -> str:
    """The text of the file for a declaration: the same for the same, byte for byte."""
    attributes = schema.attributes.values()
    sections = [
        _HEAD.strip(),
        "\n".join(_functions()),
        *("\n".join(_statistics(each)) for each in attributes if each.names),
        "\n".join(_user(attributes)),
        "\n".join(_offers(schema, placements)),
        "\n".join(_examples(attributes)),
        _DECLARATIONS.strip(),
    ]
    return "\n\n".join(sections) + "\n"


def _functions() -> Iterator[str]:
    for function in FUNCTIONS.values():
        if not function.internal:
            yield from (f"def {function.name}{_signature(function)}:", _doc(function.doc))
    for form in FORMS.values():
        if form.name != "date":
            signature = _FORMS.get(form.name, "(*arguments: object) -> bool")
            yield from (f"def {form.name}{signature}:", _doc(f"`{form.signature}`: {form.doc}"))


def _signature(function: Function) -> str:
    parameters = [f"{name}: {_TYPES[kind]}" for name, kind in function.parameters]
    return f"({', '.join([*parameters, '/'] if parameters else [])}) -> {_TYPES[function.result]}"


def _statistics(attribute: Attribute) -> Iterator[str]:
    """The classes of an attribute whose statistics have names."""
    words = words_of(attribute)
    yield f"class Statistic_{attribute.name}:"
    yield _doc(f"What is remembered of one key of {attribute.name}.")
    for word, (name, field) in words.items():
        yield f"    {word}: {_TYPES[FIELDS[field]]}"
        yield _doc(_ASKED[field].format(name))
    yield ""
    yield f"class KeyedStatistics_{attribute.name}:"
    yield _doc(f'Statistics by key: `user.{attribute.name}["..."].{attribute.names[0]}`.')
    yield f"    def __getitem__(self, key: str, /) -> Statistic_{attribute.name}: ..."
    yield ""
    yield f"class StatisticExample_{attribute.name}(TypedDict, total=False):"
    for word, (_, field) in words.items():
        yield f"    {word}: {'int' if field == 'count' else 'str'}"


def _user(attributes: Iterable[Attribute]) -> Iterator[str]:
    """The class of profiles. A type whose name is an attribute's too goes by an alias in it."""
    names = {attribute.name for attribute in attributes}
    types = {kind: f"_{name}" if name in names else name for kind, name in _TYPES.items()}
    for name in dict.fromkeys(_TYPES.values()):
        if name in names:
            yield f"_{name}: TypeAlias = {name}"
    yield "class User:"
    yield _doc("A citizen's profile. What is missing in it is unknown, as is what is asked of it.")
    for attribute in attributes:
        type_ = _literal(attribute.values) or types[Kind(attribute.type)]
        if attribute.names:
            type_ = f"KeyedStatistics_{attribute.name}"
        yield f"    {attribute.name}: {type_}"
        yield _doc(attribute.doc)


def _offers(schema: Schema, placements: Iterable[str]) -> Iterator[str]:
    shown = [each.name for each in schema.attributes.values() if each.has_text]
    yield f"AttributeName: TypeAlias = {_literal(shown) or 'str'}"
    yield ""
    yield f"Client: TypeAlias = {_literal(CLIENTS)}"
    yield ""
    yield "class Banner:"
    yield _doc("What a match shows; {attribute} in a text stands for its value.")
    yield "    def __init__("
    yield f"        self, *, placement: {_literal(placements) or 'str'} = ..., priority: int = ...,"
    yield "        link: str, title: dict[str, str], text: dict[str, str] = ...,"
    yield "        exclusive: str = ..., story: str = ..., must_show: bool = ...,"
    yield "        dismiss_for: Period = ...,"
    yield "    ) -> None:"
    about = "A rule needs `placement` and `priority`; a fallback has link, title and text."
    yield f'        """{about}"""'
    yield ""
    yield from _sending("Email", "template", "The e-mail that a match sends, and what it shows.")
    yield ""
    yield from _sending("Webhook", "endpoint", "The webhook that a match calls, and what it tells.")


def _sending(word: str, target: str, doc: str) -> Iterator[str]:
    yield f"class {word}:"
    yield _doc(doc)
    values = "values: list[AttributeName] = ..."
    yield f"    def __init__(self, *, {target}: str, {values}) -> None: ..."


def _examples(attributes: Iterable[Attribute]) -> Iterator[str]:
    yield "class Example:"
    yield _doc("A user and a day, and the verdict that the author expects.")
    parameters = [f"    {each.name}: {_in_examples(each)} = ...," for each in attributes]
    for word, doc in _EXAMPLES.items():
        yield ""
        yield f"def {word}("
        yield "    *,"
        yield "    today: str,"
        yield from parameters
        yield ") -> Example:"
        yield _doc(doc)


def _in_examples(attribute: Attribute) -> str:
    if attribute.names:
        return f"dict[str, StatisticExample_{attribute.name}]"
    return _literal(attribute.values) or _IN_EXAMPLES[attribute.type]


def _literal(values: Iterable[str]) -> str:
    """A type that has these texts and no other; none if there are none."""
    listed = ", ".join(_quoted(value) for value in values)
    return f"Literal[{listed}]" if listed else ""


def _doc(text: str) -> str:
    """A line with a text as documentation of what stands above it."""
    return f'    """{_escaped(text)}"""'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
