"""Feedback in HTTP requests: one object, an array of them, or either in an envelope with the token.

The envelope is for `navigator.sendBeacon`: a page that is left can send a text and no headers. It
is what RFC 6750, 2.2 is for a form: the token in the body, and then in no header.
"""

from collections.abc import Container, Sequence
from datetime import datetime
from typing import NamedTuple

from quadrupel.bus.event_codec import decode_json
from quadrupel.core.errors import EventRefused, EventsRefused, InputRefused
from quadrupel.core.events import Event, check_time, read_time
from quadrupel.core.feedback import MAX_EPISODE, Action, Given, check_age, feedback_event

MAX_BODY = 64 * 1024
"""What browsers let a page send by `navigator.sendBeacon`."""

MAX_FEEDBACK = 100


class Posted(NamedTuple):
    """What a request has: the feedback, not looked at yet, and a token if it is in the body."""

    feedback: Sequence[object]
    token: str | None = None


def read_posted(body: bytes) -> Posted:
    """Take a body apart. Raises InputRefused, which never repeats what was given."""
    found = decode_json(body)
    if not isinstance(found, dict) or not found.keys() & {"access_token", "feedback"}:
        return Posted(_listed(found))
    token = found.get("access_token")
    if token is not None and not isinstance(token, str):
        raise InputRefused("wrong-feedback", "access_token must be a text")
    return Posted(_listed(found.get("feedback")), token)


def _listed(found: object) -> Sequence[object]:
    listed = [found] if isinstance(found, dict) else found
    if not isinstance(listed, list):
        raise InputRefused("wrong-feedback", "feedback is an object, or an array of objects")
    if len(listed) > MAX_FEEDBACK:
        raise InputRefused(
            "too-many-events", f"{len(listed)} in one request, {MAX_FEEDBACK} at most"
        )
    return listed


def read_events(
    feedback: Sequence[object], user_id: str, banners: Container[str], now: datetime
) -> list[Event]:
    """The events that tell of a citizen's feedback which comes `now`, all of it good.

    What is told several times is one event, the first. `banners` are the rules that have one.
    Raises EventsRefused with every bad one.
    """
    events: dict[str, Event] = {}
    refused = []
    for index, each in enumerate(feedback):
        try:
            event = feedback_event(user_id, _read(each, banners, now))
            check_time(event, now)
            check_age(event, now)
        except EventRefused as error:
            refused.append((index, error))
        else:
            events.setdefault(event.id, event)
    if refused:
        raise EventsRefused("index", refused)
    return list(events.values())


def _read(feedback: object, banners: Container[str], now: datetime) -> Given:
    if not isinstance(feedback, dict):
        raise EventRefused("not-an-object", "feedback is a JSON object")
    banner, episode, action = (_text(feedback, name) for name in ("banner", "episode", "action"))
    if banner not in banners:
        raise EventRefused("unknown-banner", "banner is the rule of a banner that was read")
    if action not in tuple(Action):
        raise EventRefused("wrong-attribute", f"action is one of {', '.join(Action)}")
    time = feedback.get("time")
    return Given(banner, episode, Action(action), now if time is None else read_time(time))


def _text(feedback: dict[str, object], name: str) -> str:
    value = feedback.get(name)
    if value is None:
        raise EventRefused("missing-attribute", f"the member {name} is missing")
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_EPISODE:
        raise EventRefused("wrong-attribute", f"{name} is a text of 1 to {MAX_EPISODE} characters")
    if "\0" in value:
        raise EventRefused("bad-text", f"{name} has a NUL")
    return value
