"""The page that the link in an e-mail opens: what may be refused, and what is refused already.

It says neither whose link it is nor of what the e-mail was, since whoever has the link sees it. It
needs no script, and nothing that is given reaches it. Who reads pages is told by one, too, that a
link holds no longer, or that a choice must be made again later.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

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
    failures: Mapping[HTTPStatus, str]


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
        failures={
            HTTPStatus.NOT_FOUND: "This link holds no longer, or a part of it is missing. Please"
            " open the one in the latest e-mail.",
            HTTPStatus.TOO_MANY_REQUESTS: "That was too often in a short time, and nothing was"
            " changed. Please try again in a minute.",
            HTTPStatus.SERVICE_UNAVAILABLE: "This cannot be done at the moment. Please try again"
            " in a few minutes.",
        },
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
        failures={
            HTTPStatus.NOT_FOUND: "Эта ссылка больше не действует, или в ней не хватает части."
            " Откройте, пожалуйста, ссылку из последнего письма.",
            HTTPStatus.TOO_MANY_REQUESTS: "Слишком много запросов за короткое время, ничего не"
            " изменилось. Попробуйте, пожалуйста, ещё раз через минуту.",
            HTTPStatus.SERVICE_UNAVAILABLE: "Сейчас это сделать не удаётся. Попробуйте, пожалуйста,"
            " ещё раз через несколько минут.",
        },
    ),
}

FAILURES = tuple(_WORDS["en"].failures)
"""The statuses of errors that there are pages of."""

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
    return _page(HTTPStatus.OK, language, _lines(_WORDS[language], kind, wishes))


def failure(status: HTTPStatus, accept_language: str) -> Response | None:
    """The page that says, in the browser's language, why this is the answer; None if none does."""
    if status not in FAILURES:
        return None
    language = _language(None, accept_language)
    words = _WORDS[language]
    told = f'<p role="alert">{words.failures[status]}</p>\n'
    return _page(status, language, [f"<h1>{words.title}</h1>\n", told])


def _page(status: HTTPStatus, language: str, lines: Iterable[str]) -> Response:
    html = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_WORDS[language].title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(lines)}</main>\n</body>\n</html>\n"
    )
    headers = {**HEADERS, "Content-Language": language}
    return Response(html, status, headers, "text/html")


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
