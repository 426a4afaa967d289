"""In which language to answer: the one asked for, else the best of Accept-Language."""

import re
from collections.abc import Sequence
from functools import lru_cache

from quadrupel.core.errors import InputRefused

MAX_HEADER = 1024
_RANGE = re.compile(r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)(?:\s*;\s*q=([01](?:\.\d{0,3})?))?")


def choose(locale: str | None, accept: str, languages: Sequence[str]) -> str:
    """One of `languages`: what `locale` names, else the best for the header, else the first.

    Raises InputRefused (`unknown-locale`) for a locale there are no texts in.
    """
    if locale is None:
        return _negotiate(accept[:MAX_HEADER], tuple(languages))
    found = _look_up(locale.replace("_", "-"), languages)
    if found is None:
        raise InputRefused("unknown-locale", f"there are texts in {', '.join(languages)} only")
    return found


@lru_cache(maxsize=1024)  # browsers send few different ones; of the longest it keeps 1.3 MB
def _negotiate(accept: str, languages: Sequence[str]) -> str:
    ranges = [_RANGE.fullmatch(part.strip()) for part in accept.split(",")]
    wanted = [(float(found[2] or 1), found[1]) for found in ranges if found]
    for quality, name in sorted(wanted, key=lambda pair: -pair[0]):
        if quality == 0:
            continue
        if language := languages[0] if name == "*" else _look_up(name, languages):
            return language
    return languages[0]


def _look_up(name: str, languages: Sequence[str]) -> str | None:
    """The language itself, else a wider one (`en` for `en-GB`), else a narrower one."""
    known = {language.lower(): language for language in languages}
    tags = name.lower().split("-")
    for length in range(len(tags), 0, -1):
        if found := known.get("-".join(tags[:length])):
            return found
    return next((known[each] for each in known if each.startswith(f"{tags[0]}-")), None)
