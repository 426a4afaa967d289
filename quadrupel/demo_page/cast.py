"""The cast of the demo page: made citizens, and what is made to happen to them.

Everything goes the way it goes in production. Events are reported to the API with a service key and
pass through the bus; time moves by asking evaluate, on its topic, to look at the citizen on a later
day, which is what a run for that day does for everybody. No row is written here.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import httpx
import sqlalchemy as sa

from quadrupel.bus.codec import changed_profile
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.core.errors import InputRefused, NotFound, Unavailable
from quadrupel.core.events import Event
from quadrupel.core.lifecycle import ERASED
from quadrupel.core.ports import Producer
from quadrupel.demo_page.happenings import Situation
from quadrupel.demo_page.situations import SITUATIONS
from quadrupel.portal import Portal, fact
from quadrupel.rules.days import add_days, add_months
from quadrupel.store import published
from quadrupel.store.database import transaction

SPANS: Mapping[str, Callable[[int], int]] = {
    "day": lambda day: add_days(day, 1),
    "week": lambda day: add_days(day, 7),
    "month": lambda day: add_months(day, 1),
}
"""By how much time moves on at once, by name; of days as ordinals."""

FARTHEST_MONTHS = 36
"""How far from today time can be moved."""

WAIT_SECONDS = 20.0
LOOK_SECONDS = 0.05

Found = Mapping[str, Any]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Citizen:
    """A made citizen."""

    user_id: str
    situation: Situation

    @property
    def email(self) -> str:
        """Where letters to the citizen go, which nobody delivers."""
        return f"{self.user_id}@example.org"


class Cast:
    """One citizen for each situation, made when first asked for. Everything blocks; any thread.

    `mail` is where e-mails end up; without it the citizens have no address. What the API or the
    database does not answer in time is Unavailable.
    """

    def __init__(
        self,
        front: Portal,
        engine: sa.Engine,
        producer: Producer,
        mail: MailCatcher | None,
        today: Callable[[], date],
        now: Callable[[], datetime],
    ) -> None:
        self._front = front
        self._engine = engine
        self._producer = producer
        self._mail = mail
        self._today = today
        self._now = now
        self._citizens: dict[str, Citizen] = {}
        self._turn = threading.Lock()

    def enter(self, situation: str) -> Found:
        """The citizen in the situation, made if there is none yet: user id, day, and today."""
        with self._turn:
            return self._told(self._find(situation) or self._make(situation))

    def begin_again(self, situation: str) -> Found:
        """Make another citizen, and erase the one before: days of a citizen never go back."""
        with self._turn:
            before = self._find(situation)
            told = self._told(self._make(situation))
            if before is not None:
                self._report([fact(before.user_id, ERASED, self._now())])
            return told

    def happen(self, situation: str, happening: str) -> Found:
        """Report that it happened, and wait until the banner set contains it."""
        with self._turn:
            citizen = self._citizen(situation)
            chosen = [each for each in citizen.situation.happenings if each.id == happening]
            if not chosen:
                raise NotFound(f'there is no happening "{happening}" in "{situation}"')
            data = chosen[0].data(self._day(citizen))
            token = self._report([fact(citizen.user_id, chosen[0].type, self._now(), **data)])
            self._await_events(citizen, token)
            return self._told(citizen)

    def move(self, situation: str, span: str) -> Found:
        """Let time move on for the citizen alone, and wait until the new day is published.

        Raises InputRefused for a day more than three years ahead.
        """
        if span not in SPANS:
            raise NotFound(f'time moves on by {", ".join(SPANS)}, not by "{span}"')
        with self._turn:
            citizen = self._citizen(situation)
            day = date.fromordinal(SPANS[span](self._day(citizen).toordinal()))
            if day.toordinal() > add_months(self._today().toordinal(), FARTHEST_MONTHS):
                raise InputRefused("too-far", f"{day} is more than three years ahead: begin again")
            self._producer.publish([changed_profile(citizen.user_id, day)])
            self._wait(f"{day} to be published", lambda: self._day(citizen) >= day)
            return self._told(citizen)

    def token(self, situation: str) -> str:
        """A token of the citizen's, as the portal gives after signing in."""
        return self._front.identity.token(self._citizen(situation).user_id, self._now())

    def explanations(self, situation: str) -> Found:
        """What the API explains of the citizen, on the citizen's day."""
        citizen = self._citizen(situation)
        parameters = {"as_of": self._day(citizen).isoformat()}
        return self._get(f"/v1/users/{citizen.user_id}/explain", parameters)

    def mails(self, situation: str) -> Sequence[Mapping[str, str]]:
        """The e-mails to the citizen, the latest first."""
        if self._mail is None:
            return []
        caught = self._mail.caught(self._citizen(situation).email)
        return [{"subject": each.subject, "text": each.text} for each in reversed(caught)]

    def _find(self, situation: str) -> Citizen | None:
        if situation not in SITUATIONS:
            raise NotFound(f'there is no situation "{situation}"')
        return self._citizens.get(situation)

    def _citizen(self, situation: str) -> Citizen:
        found = self._find(situation)
        if found is None:
            raise NotFound(f'nobody is in the situation "{situation}" yet')
        return found

    def _make(self, name: str) -> Citizen:
        """Make a citizen by reporting what happened so far."""
        now, situation = self._now(), SITUATIONS[name]
        citizen = Citizen(f"made-{name}-{now:%Y%m%dT%H%M%S%f}", situation)
        self._wait("the API to be ready", self._front.is_ready)
        if self._mail is not None:
            self._call(lambda: self._front.save_contact(citizen.user_id, citizen.email))
        past = [
            fact(citizen.user_id, type_, now - timedelta(days=ago), **data)
            for ago, type_, data in situation.past(self._today())
        ]
        self._await_events(citizen, self._report(past))
        self._citizens[name] = citizen
        return citizen

    def _told(self, citizen: Citizen) -> Found:
        day, today = self._day(citizen), self._today()
        return {"user_id": citizen.user_id, "day": day.isoformat(), "today": today.isoformat()}

    def _day(self, citizen: Citizen) -> date:
        """The day that it is for the citizen: today, or the later one that time was moved to."""
        with transaction(self._engine) as connection:
            state = published.states(connection, [citizen.user_id])[citizen.user_id]
        today = self._today()
        return today if state.published is None else max(today, state.published.as_of)

    def _report(self, events: Sequence[Event]) -> str | None:
        return self._call(lambda: self._front.report(events))

    def _await_events(self, citizen: Citizen, token: str | None) -> None:
        """Wait until the banner set contains the events that the token is about."""
        if token is None:
            return
        path, asked = f"/v1/users/{citizen.user_id}/banners", {"after": token, "wait": "2"}
        self._wait("the events to be published", lambda: self._get(path, asked)["contains_event"])

    def _get(self, path: str, parameters: Mapping[str, str]) -> Found:
        return self._call(lambda: self._front.ask(path, parameters))

    @staticmethod
    def _call(do: Callable[[], Result]) -> Result:
        try:
            return do()
        except httpx.HTTPError as error:
            raise Unavailable(f"the API does not answer as it should: {error}") from error

    @staticmethod
    def _wait(what: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise Unavailable(f"waited {WAIT_SECONDS:.0f} s for {what}")
            time.sleep(LOOK_SECONDS)
