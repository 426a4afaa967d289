"""What /openapi.json says of the routes: OpenAPI 3.1, with examples, and a problem per error."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from quadrupel.api import event_documents, explanations, feedback_documents, stream_documents
from quadrupel.api.after import MAX_USERS
from quadrupel.api.answer_documents import answer as _answer
from quadrupel.api.answer_documents import problems as _problems
from quadrupel.api.answer_documents import with_bounds
from quadrupel.api.event_bodies import BATCH, JSON, LINES, ONE
from quadrupel.api.json_schema import Fields
from quadrupel.api.json_schema import object_ as _object
from quadrupel.api.json_schema import reference as _reference
from quadrupel.api.json_schema import text as _text
from quadrupel.channels.addresses import MAX_CONSENTS

DESCRIPTION = """\
What a citizen is shown now, and the facts it follows from.

Citizens' front ends read banners with the citizen's own token. Source systems report events, and
back ends read banners of any user, with a service key that has the scope of the route.
Every error is a problem document (RFC 9457).
"""

_BANNERS = {
    "version": 7,
    "as_of": "2026-11-23",
    "banners": [
        {
            "rule": "driving_licence_expiring",
            "episode": "2026-12-20",
            "variant": "by_day",
            "placement": "main",
            "priority": 80,
            "title": "Renew your driving licence by 20 December 2026",
            "text": "",
            "link": "/services/driving-licence/renew",
            "dismissible": True,
            "fallback": False,
        }
    ],
}

_BANNERS_AFTER = {"version": 7, "as_of": "2026-11-23", "contains_event": True, "banners": []}

_ACCEPTED = {"accepted": 1, "after": "AUo1j6GvJR7EAAAABAAAAAAAAeJA"}

_CONTACT = {
    "email": "citizen@example.org",
    "phone": "+79123456789",
    "language": "en",
    "time_zone": "Europe/Moscow",
    "consents": {"email": True, "sms": False},
}


SCHEMAS: Fields = {
    **event_documents.SCHEMAS,
    "Accepted": _object(
        ["accepted", "after"],
        {
            "accepted": {"type": "integer", "minimum": 0},
            "after": {
                "type": ["string", "null"],
                "description": "a token for reading banners that contain these events; null if they"
                f" concern more than {MAX_USERS} users",
            },
        },
        examples=[_ACCEPTED],
    ),
    "Banner": _object(
        [
            *("rule", "episode", "variant", "placement", "priority", "title", "text", "link"),
            *("dismissible", "fallback"),
        ],
        {
            "rule": {
                "type": ["string", "null"],
                "description": "that matches; a fallback has none",
            },
            "episode": {
                "type": ["string", "null"],
                "description": "the episode of its match, which feedback names with the rule; null"
                " of a fallback, empty where it is not known",
            },
            "variant": {
                "type": ["string", "null"],
                "description": "which of its rule's variants the texts are of; null where there are"
                " none. The same for the same citizen while their shares stay as they are",
            },
            "placement": _text("where it is shown"),
            "priority": {"type": "integer"},
            "title": _text("plain text, in the language of Content-Language"),
            "text": _text("plain text, may be empty"),
            "link": _text("where it leads"),
            "dismissible": {
                "type": "boolean",
                "description": "whether the citizen may dismiss it",
            },
            "fallback": {
                "type": "boolean",
                "description": "of a placement in which nothing else is shown; no rule shows it",
            },
        },
    ),
    "BannerSet": _object(
        ["version", "as_of", "banners"],
        {
            "version": {"type": "integer", "minimum": 0, "description": "grows with every change"},
            "as_of": {
                "type": ["string", "null"],
                "format": "date",
                "description": "the day it was evaluated for; null when nothing is shown",
            },
            "contains_event": {
                "type": "boolean",
                "description": "whether the events of `after` are contained; only with `after`",
            },
            "banners": {"type": "array", "items": _reference("Banner")},
        },
        examples=[_BANNERS, _BANNERS_AFTER],
    ),
    "Contact": _object(
        [],
        {
            "email": {"type": ["string", "null"], "format": "email"},
            "phone": {
                "type": ["string", "null"],
                "description": "with + and the code of its country; kept in the form of E.164",
                "pattern": "^[+][0-9 ()./-]{1,31}$",
                "format": "phone",
            },
            "language": {"type": ["string", "null"]},
            "time_zone": {
                "type": ["string", "null"],
                "format": "time-zone",
                "description": "a name of the IANA time zone database: where the user's days begin",
            },
            "consents": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_-]{0,31}$"},
                "additionalProperties": {"type": "boolean"},
                "maxProperties": MAX_CONSENTS,
                "description": "by channel, whether the user agreed to be written to",
            },
        },
        additionalProperties=False,
        examples=[_CONTACT],
    ),
    **explanations.SCHEMAS,
    **stream_documents.SCHEMAS,
    "Status": _object(["status"], {"status": {"enum": ["alive", "ready"]}}),
    "Problem": _object(
        ["type", "title", "status", "detail"],
        {
            "type": _text("urn:quadrupel:problem:REASON", format="uri"),
            "title": _text("the reason in words"),
            "status": {"type": "integer"},
            "detail": _text("what happened, to what, and what to do"),
            "errors": {
                "type": "array",
                "description": "every part that is wrong, with its place, reason and detail",
                "items": {"type": "object"},
            },
        },
        description="A problem document, RFC 9457.",
    ),
}


_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "for If-None-Match"},
    "Age": {
        "schema": {"type": "integer", "minimum": 0},
        "description": "only if something may be missing: since so many seconds (RFC 9111)",
    },
    "Content-Language": {"schema": {"type": "string"}},
    "Contains-Event": {
        "schema": {"enum": ["true", "false"]},
        "description": "`contains_event`; on 304 too",
    },
}

_READ_RESPONSES: dict[int | str, Fields] = {
    200: _answer("What the user is shown, in order.", "BannerSet", _BANNERS, headers=_HEADERS),
    304: {"description": "Nothing changed since the answer with this ETag.", "headers": _HEADERS},
    **_problems(400, 401, 422, 500, 503),
}

_LOOK = "It is recorded which key was used for which user."

_AFTER = (
    "With `after`, what POST /v1/events answered, it waits until the banners contain those events,"
    " `wait` seconds at most; then it answers what there is, and `contains_event` says false."
)

MY_BANNERS: Fields = {
    "summary": "The banners of the citizen who asks",
    "description": _AFTER,
    "responses": _READ_RESPONSES,
}

USERS_BANNERS: Fields = {
    "summary": "The banners of any user",
    "description": f"Needs the scope `banners:read`. An unknown user has no banners. {_LOOK}"
    f" {_AFTER}",
    "responses": {**_READ_RESPONSES, **_problems(403)},
}

EVENTS: Fields = {
    "summary": "Report events",
    "description": (
        "Needs the scope `events:write`. Answered when every event is durable; if one is bad, none "
        "is taken. Sending an event again changes nothing. CloudEvents' HTTP binary mode (`ce-` "
        "headers) is understood too. `after` is for reading the banners that follow."
    ),
    "status_code": HTTPStatus.ACCEPTED,
    "responses": {
        202: _answer("All of them are durable.", "Accepted", _ACCEPTED),
        **_problems(400, 401, 403, 408, 413, 415, 422, 500, 503),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                ONE: {"schema": _reference("Event")},
                BATCH: {"schema": {"type": "array", "items": _reference("Event")}},
                LINES: {"schema": {"type": "string", "description": "one Event in a line"}},
                JSON: {
                    "schema": {
                        "anyOf": [
                            _reference("Event"),
                            {"type": "array", "items": _reference("Event")},
                        ]
                    }
                },
            },
        }
    },
}

CONTACTS: Fields = {
    "summary": "Say where a user is reached",
    "description": f"Needs the scope `contacts:write`. Replaces what was known before. {_LOOK}",
    "status_code": HTTPStatus.NO_CONTENT,
    "responses": {
        204: {"description": "Saved."},
        **_problems(400, 401, 403, 408, 413, 415, 422, 500, 503),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _reference("Contact")}},
        }
    },
}

EXPLAIN: Fields = {
    "summary": "Why rules match a user, and why not",
    "description": f"Needs the scope `explain:read`. {_LOOK}",
    "responses": {
        200: _answer("Every clause with its values.", "Explanations", explanations.EXAMPLE),
        **_problems(400, 401, 403, 404, 422, 500, 503),
    },
}

LIVEZ: Fields = {
    "summary": "Whether the process serves",
    "responses": {200: _answer("It does.", "Status", {"status": "alive"})},
}

READYZ: Fields = {
    "summary": "Whether it can answer what it is asked",
    "responses": {200: _answer("It can.", "Status", {"status": "ready"}), **_problems(503)},
}


def openapi(app: FastAPI) -> Fields:
    """The document of all routes of the application."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    document["components"]["schemas"] = SCHEMAS | feedback_documents.SCHEMAS
    return with_bounds(document)
