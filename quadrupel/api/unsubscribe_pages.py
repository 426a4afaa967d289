"""The page that the link in an e-mail opens: what may be refused, and what is refused already.

It says neither whose link it is nor of what the e-mail was, since whoever has the link sees it. It
needs no script, and nothing that is given reaches it.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from starlette.responses import Response

from quadrupel.api.languages import choose
from quadrupel.core.refusals import EVERYTHING, MAILINGS, Wishes


@dataclass(frozen=True, slots=True)
class _Words:
    """The page in one language. `about` says what the link is for, by kind; all rules have one."""

    title: str
    about: Mapping[str, str]
    wanted: str
    kind_refused: str
    all_refused: str
    refuse_kind: str
    refuse_all: str
    allow_kind: str
    allow_all: str
    law: str


_RULE = "rule"
_WORDS = {
    "en": _Words(
        title="E-mails from the portal",
        about={
            MAILINGS: "This link is about news and announcements that are sent to many citizens.",
            _RULE: "This link is about reminders like the one that it came in.",
            EVERYTHING: "This link is about all e-mails from the portal.",
        },
        wanted="If you no longer want them, say so here. Nothing else about you changes.",
        kind_refused="You will not be sent these e-mails any more.",
        all_refused="You will not be sent any more e-mails.",
        refuse_kind="No more of these e-mails",
        refuse_all="No e-mails at all",
        allow_kind="Send these e-mails again",
        allow_all="Send e-mails again",
        law="What the law requires us to tell you is sent all the same.",
    ),
    "ru": _Words(
        title="Письма портала",
        about={
            MAILINGS: "Эта ссылка — о новостях и объявлениях, которые получают многие граждане.",
            _RULE: "Эта ссылка — о напоминаниях вроде того, в котором она пришла.",
            EVERYTHING: "Эта ссылка — обо всех письмах портала.",
        },
        wanted="Если они вам больше не нужны, скажите об этом здесь. Больше ничего не изменится.",
        kind_refused="Таких писем вы больше не получите.",
        all_refused="Писем вы больше не получите.",
        refuse_kind="Не присылать таких писем",
        refuse_all="Не присылать никаких писем",
        allow_kind="Снова присылать такие письма",
        allow_all="Снова присылать письма",
        law="То, о чём мы обязаны сообщать по закону, придёт всё равно.",
    ),
}

_STYLE = """\
body{margin:0;background:#eef1f5;color:#1c2733;font:18px/1.55 system-ui,sans-serif}
main{max-width:34rem;margin:3rem auto;padding:2rem;background:#fff;border-radius:8px}
h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.3}
button{font:inherit;width:100%;margin:.4rem 0;padding:.75rem 1rem;border:2px solid #0b5cad;\
border-radius:6px;background:#fff;color:#0b5cad;cursor:pointer}
button:focus-visible{outline:3px solid #1c2733;outline-offset:2px}
@media(prefers-color-scheme:dark){body{background:#11161d;color:#e8ecf1}main{background:#1b222c}\
button{background:#1b222c;color:#8cc2ff;border-color:#8cc2ff}\
button:focus-visible{outline-color:#e8ecf1}}
"""

_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


def page(kind: str, wishes: Wishes, accept_language: str) -> Response:
    """The page of a link for the kind, in the citizen's language, else in the browser's."""
    language = _language(wishes.language, accept_language)
    words = _WORDS[language]
    body = "".join(_lines(words, kind, wishes))
    html = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{words.title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
    headers = {**HEADERS, "Content-Language": language}
    return Response(html, 200, headers, "text/html")


def _language(own: str | None, accept: str) -> str:
    """The citizen's own language where the page has it, also for a region of it."""
    spoken = (own or "").replace("_", "-").partition("-")[0].lower()
    return spoken if spoken in _WORDS else choose(None, accept, tuple(_WORDS))


def _lines(words: _Words, kind: str, wishes: Wishes) -> Iterator[str]:
    about = words.about.get(kind, words.about[_RULE])
    yield f"<h1>{words.title}</h1>\n<p>{about}</p>\n"
    if EVERYTHING in wishes.refused:
        yield f'<p role="status"><strong>{words.all_refused}</strong></p>\n'
        yield _button("allow", "all", words.allow_all)
    elif kind in wishes.refused:
        yield f'<p role="status"><strong>{words.kind_refused}</strong></p>\n'
        yield _button("allow", "kind", words.allow_kind)
        yield _button("refuse", "all", words.refuse_all)
    else:
        yield f"<p>{words.wanted}</p>\n"
        if kind != EVERYTHING:
            yield _button("refuse", "kind", words.refuse_kind)
        yield _button("refuse", "all", words.refuse_all)
    yield f"<p>{words.law}</p>\n"


def _button(name: str, value: str, text: str) -> str:
    return f'<form method="post"><button name="{name}" value="{value}">{text}</button></form>\n'
