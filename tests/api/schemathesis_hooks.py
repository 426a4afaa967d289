"""What schemathesis is told of the API beyond what a document can say. It loads this module itself.

Formats are those of the document. What is changed before a request is sent is named with its
reason, and tried elsewhere.
"""

import json
import os
import time
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import schemathesis
from hypothesis import strategies as st

from quadrupel.api.after import read_token
from quadrupel.core.errors import InputRefused

STREAM = "/v1/me/banners/stream"
FEEDBACK = "/v1/me/banners/feedback"
LINK = "/v1/unsubscribe/{token}"
EVENTS_TOKEN = "AUo1j6GvJR7EAAAABAAAAAAAAeJA"  # the one of the document's examples
STREAM_SECONDS = 0.2

NOW = datetime.now(UTC)
BANNER = os.environ["BANNER"]

# No schema says that a time is not in the future, nor, of feedback, that it is a few days old.
times = st.integers(0, 5 * 86400).map(lambda ago: (NOW - timedelta(seconds=ago)).isoformat())
schemathesis.openapi.format("date-time", times)
schemathesis.openapi.format("time-zone", st.sampled_from(sorted(zoneinfo.available_timezones())))
# Numbers that the numbering plans of their countries have.
numbers = ["+79123456789", "+7 (912) 345-67-89", "+44 20 7946 0958", "+1 202-456-1111"]
schemathesis.openapi.format("phone", st.sampled_from(numbers))


@st.composite
def lines_of_events(draw: st.DrawFn) -> bytes:
    """A body of lines, each with an event."""
    events = draw(st.lists(st.builds(event, st.uuids(), times), min_size=1, max_size=5))
    return b"\n".join(json.dumps(each).encode() for each in events)


def event(id_: object, at: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(id_),
        "source": "/lines",
        "type": "line.read",
        "subject": "u0000123456",
        "time": at,
    }


schemathesis.openapi.media_type("application/x-ndjson", lines_of_events())


@schemathesis.check
def tells_nothing_of_the_inside(
    context: object, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A check of our own: no refusal has what is for the log."""
    if response.status_code >= 400:
        for word in ("Traceback", 'File "', "psycopg", "site-packages"):
            assert word not in response.text


@schemathesis.hook
def before_call(context: object, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Change what a document cannot say, of the request that is about to be sent."""
    if case.path == STREAM:
        _let_it_end(case)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _show_a_token_of_events(case)
    if case.path == LINK and case.meta is not None:
        _have_a_link(case)
    if case.path == FEEDBACK and case.meta is not None:
        _show_one_token(case.body)
        if case.meta.generation.mode.is_positive:
            _be_of_now(case.body)


def _show_a_token_of_events(case: schemathesis.Case) -> None:
    """No schema says which texts are tokens that were answered: `test_after.py` tries others."""
    given = (case.query or {}).get("after")
    if given is not None and not _is_token(given):
        case.query["after"] = EVENTS_TOKEN


def _is_token(text: object) -> bool:
    try:
        read_token(str(text))
    except InputRefused:
        return False
    return True


def _have_a_link(case: schemathesis.Case) -> None:
    """Only the API makes tokens of links; others are tried in `test_unsubscribe.py`."""
    case.path_parameters["token"] = os.environ["LINKS_TOKEN"]


def _let_it_end(case: schemathesis.Case) -> None:
    """A stream goes on as long as its token holds, so let that be a moment."""
    token = os.environ["CITIZENS_TOKEN"]
    if case.headers.get("Authorization") != f"Bearer {token}":
        return
    claims = jwt.decode(token, options={"verify_signature": False})
    key = Path(os.environ["CITIZENS_KEY"]).read_bytes()
    soon = jwt.encode(claims | {"exp": time.time() + STREAM_SECONDS}, key, algorithm="ES256")
    case.headers["Authorization"] = f"Bearer {soon}"


def _show_one_token(body: object) -> None:
    """Leave out the body's token: one in the header and one in the body are refused.

    `test_security_table.py` tries both, and the body's alone.
    """
    if isinstance(body, dict):
        body.pop("access_token", None)


def _be_of_now(body: object) -> None:
    """Feedback is a few days old at most and on a banner that there is, which no schema says."""
    if isinstance(body, list):
        for each in body:
            _be_of_now(each)
    elif isinstance(body, dict):
        _be_of_now(body.get("feedback"))
        if "banner" in body:
            body["banner"] = BANNER
        if isinstance(body.get("time"), str) and not _is_recent(body["time"]):
            body["time"] = NOW.isoformat()


def _is_recent(text: str) -> bool:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return False
    return time.tzinfo is not None and NOW - timedelta(days=5) <= time <= NOW
