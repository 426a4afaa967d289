"""Drafts: a new rule script that is right as it is, for its author to change.

The draft asks one attribute a question that fits its type, and has examples on both sides of every
boundary of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from quadrupel.core.attributes import ADDITIVE, Attribute, Type
from quadrupel.rules import days

DRAFTED = (
    Type.DATE,
    Type.BOOLEAN,
    Type.INTEGER,
    Type.DECIMAL,
    Type.TEXT,
    Type.WINDOWED_COUNT,
)
"""The types of attributes that a draft can ask."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is said of a new rule. `title` is by language; `about` is the attribute it asks."""

    rule: str
    description: str
    owner: str
    placement: str
    title: Mapping[str, str]
    about: Attribute


def draft_script(draft: Draft, today: date) -> str:
    """The text of the script; its examples are about `today`."""
    condition, examples = _question(draft.about, today)
    titles = [f"        {_quoted(code)}: {_quoted(text)}," for code, text in draft.title.items()]
    return "\n".join(
        [
            f'"""{_escaped(draft.description)}"""',
            "",
            f"owner = {_quoted(draft.owner)}",
            "banner = Banner(",
            f"    placement={_quoted(draft.placement)},",
            "    priority=50,",
            f'    link="/services/{draft.rule.replace("_", "-")}",',
            "    title={",
            *titles,
            "    },",
            ")",
            "",
            "",
            "def matches(user: User, today: date) -> bool:",
            f"    return {condition}",
            "",
            "",
            "examples = [",
            *(f"    {example}," for example in examples),
            "]",
            "",
        ]
    )


def _question(attribute: Attribute, today: date) -> tuple[str, Sequence[str]]:
    """A condition on an attribute, and calls of examples for it."""
    name, day = attribute.name, today.isoformat()
    match attribute.type:
        case Type.DATE:
            last = date.fromordinal(days.add_months(today.toordinal(), 1))
            later, past = (date.fromordinal(each.toordinal() + 1) for each in (last, today))
            matching, others = (
                [f'match(today="{day}", {name}="{last}")'],
                [
                    f'no_match(today="{day}", {name}="{later}")',
                    f'no_match(today="{past}", {name}="{day}")',
                ],
            )
            condition = f"today <= user.{name} <= today + months(1)"
        case Type.BOOLEAN:
            matching, others = _pair(name, day, "True", "False")
            condition = f"user.{name}"
        case Type.TEXT if len(attribute.values) == 1:
            examples = [f'match(today="{day}", {name}={_quoted(attribute.values[0])})']
            return f"is_known(user.{name})", [*examples, f'no_match(today="{day}")']
        case Type.TEXT:
            first, other = (*attribute.values, "one", "other")[:2]
            matching, others = _pair(name, day, _quoted(first), _quoted(other))
            condition = f"user.{name} == {_quoted(first)}"
        case Type.WINDOWED_COUNT:
            gone = date.fromordinal(today.toordinal() - attribute.window)
            counted = date.fromordinal(gone.toordinal() + 1)
            matching, others = _pair(name, day, f'["{counted}"]', f'["{gone}"]')
            condition = f"user.{name} > 0"
        case _:
            matching, others = _pair(name, day, "1", "0")
            condition = f"user.{name} > 0"
    adds_up = attribute.feeds[0].operation in ADDITIVE
    gaps = [] if adds_up else [f'unknown(today="{day}")']
    return condition, [*matching, *others, *gaps]


def _pair(name: str, day: str, fitting: str, other: str) -> tuple[list[str], list[str]]:
    return (
        [f'match(today="{day}", {name}={fitting})'],
        [f'no_match(today="{day}", {name}={other})'],
    )


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
