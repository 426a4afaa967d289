"""Templates of e-mails: a folder per template with a subject, a text and an HTML body per language.

All files are read, checked and compiled at once; rendering touches no file. What a template may
contain is said, and held, by `quadrupel.channels.template_check`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import babel.dates
import babel.numbers
from jinja2 import DictLoader, StrictUndefined, Template, TemplateError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from quadrupel.channels.template_check import RESERVED, Checked, check
from quadrupel.core.errors import DeclarationRefused, InputRefused, SettingRefused
from quadrupel.wording import locale_of

MAX_FILE = 64 * 1024
MAX_FILES = 2_000
MAX_SUBJECT = 250
PARTS = ("subject.{}.txt", "body.{}.txt", "body.{}.html")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PART = re.compile(r"(subject\.[A-Za-z_]{2,10}\.txt|body\.[A-Za-z_]{2,10}\.(txt|html))")


@dataclass(frozen=True, slots=True)
class Rendered:
    """An e-mail's texts. The subject is one line of at most MAX_SUBJECT characters."""

    subject: str
    text: str
    html: str


class Templates:
    """Templates ready to render, each in every language."""

    def __init__(
        self,
        compiled: Mapping[tuple[str, str], Sequence[Template]],
        placeholders: Mapping[str, frozenset[str]],
        languages: Sequence[str],
        portal: str,
    ) -> None:
        self._compiled = compiled
        self._placeholders = placeholders
        self._languages = languages
        self._portal = portal.rstrip("/")

    @property
    def names(self) -> list[str]:
        """The templates there are."""
        return sorted(self._placeholders)

    def placeholders(self, name: str) -> frozenset[str]:
        """The values the template shows in any language; InputRefused if there is no such one."""
        if name not in self._placeholders:
            raise InputRefused(
                "unknown-template",
                f"there is no template {name}; there are {', '.join(self.names) or 'none'}",
            )
        return self._placeholders[name]

    def render(
        self, name: str, language: str | None, values: Mapping[str, str], unsubscribe: str = ""
    ) -> Rendered:
        """The e-mail in the language, or in the first one if there is no text in it.

        `values` are text forms; `unsubscribe` is the link by which such e-mails are refused, if
        any. Raises InputRefused (`unknown-template`, `bad-values`).
        """
        self.placeholders(name)
        spoken = language if language and language in self._languages else self._languages[0]
        subject, text, html = self._compiled[name, spoken]
        own = {"portal": self._portal, "language": spoken, "unsubscribe": unsubscribe}
        context = {**values, **own}
        try:
            line = _one_line(subject.render(context))
            context["subject"] = line
            return Rendered(line, text.render(context), html.render(context))
        except (TemplateError, ValueError, ArithmeticError) as error:
            raise InputRefused("bad-values", f"template {name} in {spoken}: {error}") from error


def load_templates(folder: Path, languages: Sequence[str], portal: str) -> Templates:
    """Read and check every template of the folder.

    `portal` is the address that links in e-mails begin with. Raises DeclarationRefused listing
    every problem with its file and line, SettingRefused for a language nobody speaks.
    """
    for language in languages:
        _check_language(language)
    problems: list[str] = []
    sources = dict(_read(folder, problems))
    environment = _environment(sources)
    checked: dict[str, Checked] = {}
    for path, source in sources.items():
        checked[path] = check(environment, path, source, shared=_shared(sources))
        problems += [f"{folder / path}{problem}" for problem in checked[path].problems]
    templates = sorted({path.partition("/")[0] for path in sources if "/" in path})
    for template in templates:
        problems += _missing(folder, template, languages, sources)
    if problems:
        raise DeclarationRefused("\n".join(problems))
    compiled = {
        path: Template.from_code(environment, each.code, {})
        for path, each in checked.items()
        if each.code is not None
    }
    return Templates(
        {
            (template, language): [
                compiled[f"{template}/{part.format(language)}"] for part in PARTS
            ]
            for template in templates
            for language in languages
        },
        {template: _placeholders(template, languages, checked) for template in templates},
        languages,
        portal,
    )


def _read(folder: Path, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Every file's path (with /) and text; what cannot be read becomes a problem."""
    if not folder.is_dir():
        problems.append(f"{folder}: there is no such folder of templates")
        return
    inside = folder.resolve()
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count == MAX_FILES:
            problems.append(f"{folder}: more than {MAX_FILES} files")
            return
        if path.is_dir():
            continue
        try:
            yield path.relative_to(folder).as_posix(), _text(path, inside)
        except (OSError, ValueError) as error:
            problems.append(f"{path}: {error}")


def _text(path: Path, inside: Path) -> str:
    relative = path.resolve().parent.relative_to(inside)  # ValueError: a link that leads outside
    if len(relative.parts) == 1:
        if not _NAME.fullmatch(relative.parts[0]):
            raise ValueError("a template's folder is named in lower-case letters, digits and _")
        if not _PART.fullmatch(path.name):
            expected = ", ".join(part.format("en") for part in PARTS)
            raise ValueError(f"a template consists of {expected} and the same in other languages")
    elif relative.parts or path.suffix != ".html":
        raise ValueError(
            "only layouts (.html) may be here; a template is one folder with its files"
        )
    data = path.read_bytes()
    if len(data) > MAX_FILE:
        raise ValueError(f"the file has {len(data)} bytes, at most {MAX_FILE} are allowed")
    return data.decode("utf-8")


def _missing(
    folder: Path, template: str, languages: Sequence[str], sources: Mapping[str, str]
) -> list[str]:
    paths = [f"{template}/{part.format(language)}" for language in languages for part in PARTS]
    return [f"{folder / path}: the file is missing" for path in paths if path not in sources]


def _shared(sources: Iterable[str]) -> frozenset[str]:
    return frozenset(path for path in sources if "/" not in path)


def _placeholders(
    template: str, languages: Sequence[str], checked: Mapping[str, Checked]
) -> frozenset[str]:
    own = [f"{template}/{part.format(language)}" for language in languages for part in PARTS]
    paths = [*own, *_shared(checked)]
    return frozenset().union(*(checked[path].names for path in paths)) - RESERVED


def _environment(sources: Mapping[str, str]) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=DictLoader(sources),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=-1,
    )
    environment.globals.clear()
    environment.filters = {"day": _day, "money": _money}
    environment.tests = {"defined": environment.tests["defined"]}
    return environment


@pass_context
def _day(context: Context, value: str) -> str:
    """A day in words: 20 December 2026. Takes the text form of a date or a time."""
    day = datetime.fromisoformat(str(value)).date()
    return babel.dates.format_date(day, "long", locale_of(context["language"]))


@pass_context
def _money(context: Context, value: str, currency: str) -> str:
    """An amount with its currency, an ISO 4217 code."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no amount") from error
    text = babel.numbers.format_currency(amount, currency, locale=locale_of(context["language"]))
    if text.startswith(currency):  # where a language has no sign for it: RUB 1,500.00
        text = f"{currency}\N{NO-BREAK SPACE}{text.removeprefix(currency)}"
    return text


def _one_line(subject: str) -> str:
    """A header's worth: no line breaks, no control characters, no surrounding space."""
    words = "".join(char if char.isprintable() else " " for char in subject).split()
    line = " ".join(words)
    if not line or len(line) > MAX_SUBJECT:
        raise ValueError(f"the subject has {len(line)} characters, 1 to {MAX_SUBJECT} are allowed")
    return line


def _check_language(language: str) -> None:
    try:
        locale_of(language)
    except ValueError as error:
        raise SettingRefused(f"QUADRUPEL_LANGUAGES: there is no language {language!r}") from error
