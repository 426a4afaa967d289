"""What callers are told when something is refused or fails: problem documents (RFC 9457).

This is the one module that decides HTTP statuses. The `type` of a problem is
`urn:quadrupel:problem:REASON`; `docs/reference/api.md` lists the reasons.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from quadrupel.api.logged_paths import told
from quadrupel.core.errors import (
    EventsRefused,
    InputRefused,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Overloaded,
    QuadrupelError,
    TooManyStreams,
    TooOften,
    TopicRefused,
    Unavailable,
)

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
OVERLOADED_RETRY_AFTER_SECONDS = 2
STREAMS_RETRY_AFTER_SECONDS = 30

_STATUSES: Mapping[str, HTTPStatus] = {
    "not-json": HTTPStatus.BAD_REQUEST,
    "not-an-object": HTTPStatus.BAD_REQUEST,
    "two-tokens": HTTPStatus.BAD_REQUEST,
    "too-slow": HTTPStatus.REQUEST_TIMEOUT,
    "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too-many-events": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "uri-too-long": HTTPStatus.REQUEST_URI_TOO_LONG,
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
"""The status of a refused input by its reason; any other reason is 422."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem document, and the headers that go with it."""

    status: HTTPStatus
    reason: str
    detail: str
    members: Mapping[str, object] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def response(self) -> Response:
        """The problem as an answer."""
        document = {
            "type": f"urn:quadrupel:problem:{self.reason}",
            "title": self.reason.replace("-", " ").capitalize(),
            "status": self.status.value,
            "detail": self.detail,
            **self.members,
        }
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(msgspec.json.encode(document), self.status, headers, MEDIA_TYPE)


INTERNAL = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal",
    "something here is broken; the request id in X-Request-ID finds it in the log",
)


_OVERLOADED = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "overloaded",
    "more is asked than can be answered soon; ask again",
    headers={"Retry-After": str(OVERLOADED_RETRY_AFTER_SECONDS)},
)


def not_ready(missing: Mapping[str, str]) -> Problem:
    """What /readyz says while something is missing: what, and why."""
    errors = [{"part": part, "detail": detail} for part, detail in missing.items()]
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "not-ready",
        f"not ready: {', '.join(missing)}",
        {"errors": errors},
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def problem_of(error: QuadrupelError) -> Problem:
    """What a caller is told of an error of ours."""
    match error:
        case EventsRefused():
            return _events_refused(error)
        case InputRefused():
            status = _STATUSES.get(error.reason, HTTPStatus.UNPROCESSABLE_ENTITY)
            return Problem(status, error.reason, error.detail)
        case NotAuthenticated():
            challenge = {"WWW-Authenticate": 'Bearer realm="quadrupel", error="invalid_token"'}
            return Problem(
                HTTPStatus.UNAUTHORIZED, "not-authenticated", str(error), headers=challenge
            )
        case NotAllowed():
            challenge = {
                "WWW-Authenticate": 'Bearer realm="quadrupel", error="insufficient_scope", '
                f'scope="{error.scope}"'
            }
            return Problem(HTTPStatus.FORBIDDEN, "not-allowed", str(error), headers=challenge)
        case TooManyStreams():
            later = {"Retry-After": str(STREAMS_RETRY_AFTER_SECONDS)}
            return Problem(
                HTTPStatus.TOO_MANY_REQUESTS, "too-many-streams", str(error), headers=later
            )
        case TooOften():
            later = {"Retry-After": str(error.seconds)}
            return Problem(HTTPStatus.TOO_MANY_REQUESTS, "rate-limited", str(error), headers=later)
        case NotFound():
            return Problem(HTTPStatus.NOT_FOUND, "not-found", str(error))
        case Overloaded():
            return _OVERLOADED
        case Unavailable() | TopicRefused():
            return _unavailable()
        case _:
            return INTERNAL


def response_to(error: QuadrupelError, path: str) -> Response:
    """The answer to an error of ours that a request of the path ended with; logs failures.

    But not that there is too much to do: who refuses for that says it once, not every time.
    """
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and problem is not _OVERLOADED:
        log.warning("a part did not answer", path=told(path), error=str(error))
    return problem.response()


def handle_errors(app: FastAPI) -> None:
    """Answer every error that leaves a route with its problem document.

    What no one foresaw is answered by `quadrupel.api.middleware`, which also logs it.
    """
    app.add_exception_handler(QuadrupelError, _quadrupel_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


def _events_refused(error: EventsRefused) -> Problem:
    unreadable = any(_STATUSES.get(each.reason) == 400 for _, each in error.refused)
    status = HTTPStatus.BAD_REQUEST if unreadable else HTTPStatus.UNPROCESSABLE_ENTITY
    errors = [
        {error.unit: place, "reason": each.reason, "detail": each.detail}
        for place, each in error.refused
    ]
    detail = f"events refused: {len(errors)}; none was taken"
    return Problem(status, error.reason, detail, {"errors": errors})


def _unavailable() -> Problem:
    # What exactly failed, and where, is for the log and not for callers.
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "a part that this needs does not answer at the moment; ask again",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _quadrupel_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, QuadrupelError):
        raise error
    return response_to(error, request.url.path)


def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    reason = status.phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request) or [headers.get("Allow", "")])
    details = {
        HTTPStatus.NOT_FOUND: "there is nothing at this path; /openapi.json lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: "the path takes the methods in Allow only",
    }
    detail = details.get(status, status.description)
    return Problem(status, reason, detail, headers=headers).response()


def _methods(request: Request) -> list[str]:
    """What all routes of the path take, and HEAD: the framework says it of the first one only."""
    path = getattr(request.scope.get("route"), "path", None)
    routes = [each for each in iter_route_contexts(request.app.routes) if each.path == path]
    found = {method for each in routes for method in each.methods or ()}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _validation_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {
            "parameter": ".".join(map(str, each["loc"])),
            "reason": each["type"],
            "detail": each["msg"],
        }
        for each in error.errors()
    ]
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "wrong-parameter",
        "the request has a wrong parameter",
        {"errors": errors},
    ).response()
