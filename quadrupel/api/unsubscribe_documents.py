"""What /openapi.json says of links that refuse e-mails."""

from starlette.responses import HTMLResponse

from quadrupel.api.answer_documents import problems
from quadrupel.api.json_schema import Fields
from quadrupel.api.unsubscribe_bodies import CHOICES, MEDIA_TYPES
from quadrupel.api.unsubscribe_pages import FAILURES

_PAGE: Fields = {
    "description": "A page in the citizen's language that says what is refused, with buttons.",
    "content": {"text/html": {"schema": {"type": "string"}}},
    "headers": {"Content-Language": {"schema": {"type": "string"}}},
}


def _problems(*statuses: int) -> dict[int | str, Fields]:
    """What may go wrong; what citizens meet of it is told by pages, too."""
    told = problems(*statuses)
    for status in FAILURES:
        told[status]["content"] |= _PAGE["content"]
    return told


_TOKEN: Fields = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "What stands in the link. It does not expire.",
    "schema": {"type": "string"},
}

_FORM: Fields = {
    "schema": {
        "oneOf": [
            {
                "type": "object",
                "required": [name],
                "properties": {name: {"const": value}},
                "additionalProperties": False,
            }
            for name, value in CHOICES
        ]
    }
}

LOOK: Fields = {
    "summary": "What the link in an e-mail opens",
    "description": "Whoever has the link may ask; no token or key is needed. It changes nothing, as"
    " programs that look at links follow them.",
    "response_class": HTMLResponse,
    "responses": {200: _PAGE, **_problems(404, 414, 429, 500, 503)},
    "openapi_extra": {"parameters": [_TOKEN]},
}

CHOOSE: Fields = {
    "summary": "Refuse e-mails, or want them again",
    "description": "`List-Unsubscribe=One-Click` is what mail providers send (RFC 8058): it refuses"
    " what the link is for, as `refuse=kind` does; `refuse=all` refuses all e-mails. `allow` takes"
    " that back. Asking again changes nothing. No token or key is needed.",
    "response_class": HTMLResponse,
    "responses": {200: _PAGE, **_problems(404, 408, 413, 414, 415, 422, 429, 500, 503)},
    "openapi_extra": {
        "parameters": [_TOKEN],
        "requestBody": {"required": True, "content": dict.fromkeys(MEDIA_TYPES, _FORM)},
    },
}
