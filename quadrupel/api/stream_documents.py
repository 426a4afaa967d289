"""What /openapi.json says of the stream of banners."""

from starlette.responses import Response

from quadrupel.api.answer_documents import problems
from quadrupel.api.json_schema import Fields, object_, reference, text

_STREAM = """\
    retry: 3141
    id: 7-4f9a1c0be2d83a65
    event: banners
    data: {"version":7,"as_of":"2026-11-23","banners":[]}

    :

    id: 7-4f9a1c0be2d83a65
    event: end
    data: {"reason":"expired"}
"""

_EVENT: Fields = {
    "event": "banners",
    "id": "7-4f9a1c0be2d83a65",
    "data": '{"version":7,"as_of":"2026-11-23","banners":[]}',
    "retry": 3141,
}


def _event(name: str, data: Fields, description: str) -> Fields:
    return object_(
        ["event", "id", "data"],
        {
            "event": {"const": name},
            "id": text("what is shown, for Last-Event-ID", pattern="^[0-9]{1,19}-[0-9a-f]{16}$"),
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": data,
            },
            "retry": {"type": "integer", "description": "milliseconds; with the first event"},
        },
        description=description,
    )


_REASON = object_(["reason"], {"reason": {"enum": ["expired", "shutdown"]}})

SCHEMAS: Fields = {
    "StreamEvent": {
        "oneOf": [
            _event("banners", reference("BannerSet"), "What is shown now."),
            _event("end", _REASON, "Why the stream ends here."),
        ],
        "description": "One event of a stream.",
        "examples": [_EVENT],
    },
}

MY_BANNERS_STREAM: Fields = {
    "summary": "The banners of the citizen who asks, whenever they change",
    "description": (
        "Server-sent events. `banners` has what GET /v1/me/banners would answer, first at once, "
        "then whenever it has another version or other texts. `end` has the reason why the stream "
        "ends, `expired` (the token) or `shutdown` (connect again). Comments are signs of life.\n\n"
        f"{_STREAM}"
    ),
    "response_class": Response,
    "responses": {
        200: {
            "description": "The stream; the schema is that of each event.",
            "content": {
                "text/event-stream": {
                    "schema": reference("StreamEvent"),
                    "examples": {"one event": {"value": _EVENT}},
                }
            },
            "headers": {"Content-Language": {"schema": {"type": "string"}}},
        },
        **problems(400, 401, 422, 429, 500, 503),
    },
}
