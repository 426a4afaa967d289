"""What /openapi.json says of answers: those in JSON, and a problem for every error."""

from http import HTTPStatus

from quadrupel.api.event_bodies import JSON, MAX_EVENTS
from quadrupel.api.json_schema import Fields, reference
from quadrupel.api.problems import MEDIA_TYPE
from quadrupel.core.errors import TooOften


def answer(description: str, schema: str, example: object, **more: object) -> Fields:
    """An answer in JSON, with an example."""
    content = {JSON: {"schema": reference(schema), "examples": {"usual": {"value": example}}}}
    return {"description": description, "content": content, **more}


def problems(*statuses: int) -> dict[int | str, Fields]:
    """The problem documents with these statuses."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> Fields:
    document: Fields = {"schema": reference("Problem")}
    problem: Fields = {"description": _MEANINGS[status], "content": {MEDIA_TYPE: document}}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        document["examples"] = {"usual": {"value": _TOO_OFTEN}}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        problem["headers"] = {"Retry-After": _RETRY_AFTER}
    return problem


def with_bounds(document: Fields) -> Fields:
    """The document of all routes, where each that lets callers in tells what bounds them."""
    common = {str(status): each for status, each in problems(414, 429).items()}
    for methods in document["paths"].values():
        for operation in methods.values():
            if operation.get("security"):
                operation["responses"] |= common
    return document


_RETRY_AFTER = {
    "schema": {"type": "integer", "minimum": 1},
    "description": "after how many seconds to ask again",
}

_TOO_OFTEN = {
    "type": "urn:quadrupel:problem:rate-limited",
    "title": "Rate limited",
    "status": 429,
    "detail": str(TooOften(3)),
}


_MEANINGS = {
    400: "The body cannot be read as what it says it is; for events, `errors` has every bad one. Or"
    " two tokens are shown.",
    404: "There is no such user, no such rule, or no such link.",
    401: "No token or key, or none that holds.",
    403: "The key lacks the scope.",
    408: "The body took too long to come.",
    413: f"The body has more than its limit, or more than {MAX_EVENTS} events.",
    415: "A media type that is not taken here.",
    414: "Path and query have more than 8,192 bytes.",
    429: "The caller asks too often, or has too many streams; Retry-After says when to ask again.",
    422: "Readable, and refused; `errors` has every wrong part.",
    500: "Something is broken here.",
    503: "A part that this needs does not answer; Retry-After says when to ask again.",
}
