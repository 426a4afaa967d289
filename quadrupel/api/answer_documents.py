"""What /openapi.json says of answers: those in JSON, and a problem for every error."""

from quadrupel.api.event_bodies import JSON, MAX_EVENTS
from quadrupel.api.json_schema import Fields, reference
from quadrupel.api.problems import MEDIA_TYPE


def answer(description: str, schema: str, example: object, **more: object) -> Fields:
    """An answer in JSON, with an example."""
    content = {JSON: {"schema": reference(schema), "examples": {"usual": {"value": example}}}}
    return {"description": description, "content": content, **more}


def problems(*statuses: int) -> dict[int | str, Fields]:
    """The problem documents with these statuses."""
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


_MEANINGS = {
    400: "The body cannot be read as what it says it is; for events, `errors` has every bad one. Or"
    " two tokens are shown.",
    404: "There is no such user, or no such rule.",
    401: "No token or key, or none that holds.",
    403: "The key lacks the scope.",
    408: "The body took too long to come.",
    413: f"The body has more than its limit, or more than {MAX_EVENTS} events.",
    415: "A media type that is not taken here.",
    429: "The caller has too much under way; Retry-After says when to ask again.",
    422: "Readable, and refused; `errors` has every wrong part.",
    500: "Something is broken here.",
    503: "A part that this needs does not answer; Retry-After says when to ask again.",
}
