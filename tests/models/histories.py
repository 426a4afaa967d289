"""Histories of events as Hypothesis draws them, and the partitions of the topic that hold them."""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

from .plain_fold import Delivery

START = datetime(2026, 3, 1, 22, tzinfo=UTC)
"""When the first event may arrive; two hours later it is another day."""
PARTITIONS = 2
SETTLED, ROAMING = ("anna", "boris"), "clara"
"""The events of two users keep to one partition each; one has events in all, and no erasures."""
FORGOTTEN = timedelta(days=7)
TIMES = int(os.environ.get("MODEL_TIMES", "1"))
"""How many times as many histories as usual; the usual ones are the same in every run."""


def histories(number):
    """So many histories, times TIMES."""
    return settings(deadline=None, max_examples=number * TIMES, derandomize=TIMES == 1)


class Sent(NamedTuple):
    """One event as its source sends it, so long after the one before.

    `time` is a moment, or how long before it comes.
    """

    after: timedelta
    user: str
    partition: int
    type: str
    data: dict
    time: datetime | timedelta
    source: str
    repeats: int | None
    altered: bool


@dataclass
class Log:
    """What lies on the topic, by partition; and what begins a batch when it comes first."""

    partitions: list[list[Delivery]] = field(
        default_factory=lambda: [[] for _ in range(PARTITIONS)]
    )
    bodies: dict[tuple[int, int], bytes] = field(default_factory=dict)
    first_of_a_batch: set[tuple[int, int]] = field(default_factory=set)

    def take(self, partition, arrived, raw):
        held = self.partitions[partition]
        read = None if raw is None else json.loads(body(raw), parse_float=Decimal)
        held.append(Delivery(partition, len(held), arrived, read))
        self.bodies[partition, len(held) - 1] = body(raw)


few = st.integers(1, 3)
texts = st.sampled_from(["50", "77", None])
amounts = st.sampled_from([1, 2, 0.5, 10.25, 0.000001, -3])
BAD = ["soon", 77, True, ["x"], 0.0000001, 10**18, "x" * 300]


def members(**strategies):
    return st.fixed_dictionaries(strategies)


CONTENTS = (
    st.tuples(st.just("child.registered"), members()),
    st.tuples(st.just("moved"), members(region=texts)),
    st.tuples(st.just("moved"), members(sex=st.sampled_from(["female", "male"]))),
    st.tuples(
        st.just("document.issued"),
        members(
            kind=st.sampled_from(["driving_licence", "passport"]),
            expires=st.sampled_from(["2030-01-01", "2032-02-29"]),
        ),
    ),
    st.tuples(st.just("document.revoked"), members(kind=st.just("driving_licence"))),
    st.tuples(
        st.just("portal.called"),
        members(
            answered=st.sampled_from([True, False, 1]),
            at=st.sampled_from(["2026-01-01T10:00:00Z", "2026-01-01T10:00:00.5+03:00"]),
        ),
    ),
    st.tuples(st.just("level.given"), members(level=few)),
    st.tuples(st.sampled_from(["level.reset", "level.lost", "unheard.of"]), members()),
    st.tuples(st.sampled_from(["points.given", "points.taken"]), members(points=few)),
    st.tuples(st.just("points.given"), members()),
    st.tuples(
        st.just("fine.issued"),
        members(
            amount=amounts,
            via=st.sampled_from(["app", "post"]),
            urgent=st.sampled_from([True, 1]),
            step=st.sampled_from([1, True]),
        ),
    ),
    st.tuples(st.just("fine.paid"), members(amount=amounts)),
    st.tuples(st.just("service.ordered"), members(service=st.sampled_from("ab"), price=amounts)),
    st.tuples(st.just("service.ordered"), members(service=st.sampled_from("ab"))),
    st.tuples(st.just("portal.visited"), members(page=st.sampled_from("ab"))),
    st.tuples(st.just("portal.visited"), members()),
)
"""What events say: of each history only some of it, so that its events meet."""
WRONG = st.one_of(
    st.tuples(st.just("moved"), members(region=st.sampled_from(BAD[1:]), sex=st.just("female"))),
    st.tuples(st.just("moved"), members(sex=st.sampled_from(BAD), region=st.just("50"))),
    st.tuples(
        st.just("document.issued"),
        members(kind=st.just("driving_licence"), expires=st.sampled_from(BAD[:5])),
    ),
    st.tuples(st.just("fine.issued"), members(amount=st.sampled_from(BAD), via=st.just("app"))),
    st.tuples(
        st.just("service.ordered"), members(service=st.just("a"), price=st.sampled_from(BAD))
    ),
    st.tuples(st.just("service.ordered"), members(service=st.sampled_from(["", 5, "x" * 65]))),
    st.tuples(st.just("user.registered"), members(since=st.sampled_from(["soon", 5]))),
)
LIFECYCLE = st.one_of(
    st.tuples(st.just("user.erased"), members()),
    st.tuples(st.just("user.registered"), members()),
    st.tuples(st.just("user.registered"), members(since=st.just("2026-03-03"))),
)
ADDED = {"amount": 7, "points": 5, "price": 9, "level": 4, "region": "99", "sex": "male"}
"""What stands in an event that is sent again with other contents."""

MOMENTS = [START - timedelta(hours=each) for each in (1, 1, 2, 30)]
around_the_windows = st.sampled_from([0, 1, 2, 3, 4, 5, 9, 10, 11, 12]).map(
    lambda each: timedelta(days=each)
)
hours = st.integers(0, 4).map(lambda each: timedelta(hours=each))
from_the_future = st.sampled_from([timedelta(minutes=-5), timedelta(minutes=-5, microseconds=-1)])
TIMES_OF_EVENTS = st.one_of(
    *[st.sampled_from(MOMENTS)] * 3, hours, hours, *[around_the_windows] * 3, from_the_future
)
pauses = st.sampled_from(
    [timedelta(0)] * 7 + [timedelta(hours=3)] * 2 + [timedelta(days=n) for n in (1, 2, 4, 7, 7, 8)]
)


def sent(contents, users):
    return st.builds(
        lambda after, user, partition, content, time, source, repeats, altered: Sent(
            after,
            user,
            SETTLED.index(user) % PARTITIONS if user in SETTLED else partition,
            *content,
            time,
            source,
            repeats,
            altered,
        ),
        pauses,
        st.sampled_from(users),
        st.integers(0, PARTITIONS - 1),
        contents,
        TIMES_OF_EVENTS,
        st.sampled_from(["/registry", "/portal"]),
        st.sampled_from([None, None, 0, 1, 2, 3]),
        st.booleans(),
    )


@st.composite
def some_of(draw, users, *, erasures=(), garbage=False):
    """Histories of some kinds of events of users; one in ten is wrong or tells of an erasure."""
    chosen = draw(st.lists(st.sampled_from(CONTENTS), min_size=1, max_size=4, unique=True))
    kinds = [sent(contents, users) for contents in chosen]
    common = [kinds[number % len(kinds)] for number in range(24)]
    rare = [sent(WRONG, users), *[sent(LIFECYCLE, erasures)] * (3 if erasures else 0)]
    drawn = st.sampled_from([*common, *rare, *[st.none()] * garbage])
    return [draw(draw(drawn)) for _ in range(draw(st.integers(5, 30)))]


WITH_ALL = some_of((*SETTLED, ROAMING), erasures=SETTLED, garbage=True)
"""Histories of three users, some events wrong; and None, which is no JSON."""
OF_ONE = some_of(SETTLED[:1], erasures=SETTLED[:1])
"""Histories of one user."""
OF_AN_OPEN_ONE = some_of(SETTLED[:1])
"""Histories of one user without erasures and registrations."""


class Writer:
    """Writes what is sent onto the topic, the time going on."""

    def __init__(self, suffix):
        self.log = Log()
        self._suffix = suffix
        self._now = START
        self._number = 0
        self._sent = {}  # by user, everything as it was sent first
        self._first = {}  # by source and id, when it came first

    def write(self, each):
        if each is None:
            self.log.take(self._number % PARTITIONS, self._now, None)
            return
        self._now += each.after
        former = self._sent.setdefault(each.user, [])
        if each.repeats is not None and each.repeats < len(former):
            self._repeat(each, former[-1 - each.repeats])
            return
        time = self._now - each.time if isinstance(each.time, timedelta) else each.time
        raw = self._event(each, time)
        former.append(raw)
        self._take(each, raw)

    def _event(self, each, time):
        self._number += 1
        return {
            "specversion": "1.0",
            "id": f"e{self._number}",
            "source": each.source,
            "type": each.type,
            "subject": each.user + self._suffix,
            "time": time.isoformat(),
            "data": each.data,
        }

    def _take(self, each, raw):
        self._first.setdefault((raw["source"], raw["id"]), self._now)
        self.log.take(each.partition, self._now, raw)

    def _repeat(self, each, raw):
        """Send an event once more; after a week the profile changes first, and may forget it."""
        if self._now.date() - self._first[raw["source"], raw["id"]].date() >= FORGOTTEN:
            self._forget(each)
            at = each.partition, len(self.log.partitions[each.partition])
            self.log.first_of_a_batch.add(at)
        if each.altered:
            data = {name: ADDED.get(name, value) for name, value in raw["data"].items()}
            raw = raw | {"data": data}
        self._take(each, raw)

    def _forget(self, each):
        """Change the profile, whereupon it forgets what came more than 7 days before."""
        type_ = "child.registered" if self._number % 2 else "checked"
        another = each._replace(type=type_, data={"by": self._number})
        self.log.take(each.partition, self._now, self._event(another, self._now))


def body(raw):
    """The bytes of a message."""
    return b"{" if raw is None else json.dumps(raw).encode()
