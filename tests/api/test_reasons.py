"""The table of reasons in docs/reference/api.md is complete, and has no reason too many."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from types import ModuleType

import quadrupel
from quadrupel.api import feedback_bodies
from quadrupel.api.problems import problem_of
from quadrupel.bus.event_codec import decode_json
from quadrupel.channels import addresses
from quadrupel.core.errors import EventRefused, EventsRefused, InputRefused
from quadrupel.core.events import check_time, check_user_id, read_time
from quadrupel.core.feedback import check_age

from .documented import documented_reasons, named_for_feedback

API = Path(quadrupel.__file__).parent / "api"

OF_WHOLE_REQUESTS = (check_user_id, decode_json)
"""What the API asks of a request; the other reasons of events are in `errors`, with their place."""

OF_PATHS = {(404, "not-found"), (405, "method-not-allowed")}
"""The framework's own, by the names of their statuses."""


def calls(source: str, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def refusals(sources: Iterable[str], *names: str) -> set[tuple[int, str]]:
    """The statuses and reasons with which inputs are refused; each reason must be written out."""
    found = set()
    for source in sources:
        for call in calls(source, *names):
            reason = call.args[0]
            assert isinstance(reason, ast.Constant), ast.unparse(call)
            found.add((int(problem_of(InputRefused(reason.value, "")).status), reason.value))
    return found


def problems(source: str) -> set[tuple[int, str]]:
    """The statuses and reasons of problems that are written out."""
    return {
        (int(HTTPStatus[status.attr]), reason.value)
        for status, reason, *_ in (call.args for call in calls(source, "Problem"))
        if isinstance(status, ast.Attribute) and isinstance(reason, ast.Constant)
    }


def source_of(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text()


def test_every_reason_is_documented_with_its_status_and_no_other_is() -> None:
    modules = [path.read_text() for path in sorted(API.glob("*.py"))]
    bad = [(0, EventRefused(reason, "")) for reason in ("not-json", "bad-time")]
    reasons = (
        OF_PATHS
        | refusals([*modules, source_of(addresses)], "InputRefused")
        | refusals(map(inspect.getsource, OF_WHOLE_REQUESTS), "EventRefused")
        | {
            (int(problem_of(EventsRefused("index", [each])).status), "events-refused")
            for each in bad
        }
        | {pair for source in modules for pair in problems(source)}
    )
    assert documented_reasons() == reasons


def test_every_reason_for_which_feedback_is_refused_is_documented() -> None:
    sources = map(inspect.getsource, (feedback_bodies, check_age, check_time, read_time))
    reasons = {reason for _, reason in refusals(sources, "EventRefused")}
    assert {"too-old", "unknown-banner"} <= reasons <= named_for_feedback()


def test_the_table_is_found() -> None:
    assert (422, "wrong-email") in documented_reasons()
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", reason) for _, reason in documented_reasons())
