"""Every error Quadrupel raises on purpose, in one tree.

QuadrupelError
├── InputRefused              one input is wrong: dead-letter it, or answer 4xx; never retried
│   ├── EventRefused          an event breaks CloudEvents, a limit, or a declared type
│   └── EventsRefused         some events handed over together are wrong, so none was taken
├── AccessRefused             a caller of the API may not do what it asked
│   ├── NotAuthenticated      no token or key, or none that holds
│   ├── NotAllowed            a good key without the scope
│   ├── TooManyStreams        the user has as many streams open as one may have
│   └── TooOften              the citizen or the key asked more often than it may
├── DeclarationRefused        rule scripts or the profile declaration are wrong: a list of problems
├── SettingRefused            a setting is missing or wrong: names it
├── NotFound                  what an operator or a client named does not exist
├── Conflict                  what was asked contradicts the present state
│   └── ConcurrentWrite       another worker wrote first: read again and retry
├── TopicRefused              a topic is missing or has another number of partitions
├── AssignmentLost            the consumer no longer owns what it polled: drop the batch
├── DatabaseRefused           the database will never save this: find the one input it is about
├── Halted                    a stage waits for an operator: keep the batch, touch nothing
└── Unavailable               infrastructure failed: stop, back off, retry; nothing is lost
    ├── BusUnavailable
    ├── DatabaseUnavailable
    ├── TokenKeysUnavailable  the keys of citizens' tokens could not be read yet
    ├── Overloaded            more is asked of this process than it can answer soon
    └── ChannelUnavailable

A message says what happened, to what, and what to do.
"""

from collections.abc import Sequence
from typing import Literal


class QuadrupelError(Exception):
    """The root of everything Quadrupel raises on purpose."""


class InputRefused(QuadrupelError):
    """One input is wrong and will stay wrong.

    `reason` is a stable lower-case word group (`wrong-type`), fit for a metric label;
    `detail` is a sentence for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class EventRefused(InputRefused):
    """An event breaks CloudEvents 1.0, one of our limits, or the declared type of an attribute."""


class EventsRefused(InputRefused):
    """Some of the events handed over together are wrong, so none of them was taken.

    `refused` has every bad one: its place, counted in `unit` (`index` from 0, `line` from 1), and
    what is wrong with it.
    """

    def __init__(
        self, unit: Literal["index", "line"], refused: Sequence[tuple[int, EventRefused]]
    ) -> None:
        place, first = refused[0]
        super().__init__(
            "events-refused", f"{len(refused)} refused, nothing taken; {unit} {place}: {first}"
        )
        self.unit = unit
        self.refused = tuple(refused)


class AccessRefused(QuadrupelError):
    """A caller of the API may not do what it asked."""


class NotAuthenticated(AccessRefused):
    """The caller showed no token or key, or none that holds."""


class NotAllowed(AccessRefused):
    """The caller's key lacks the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"this needs a key with the scope {scope}; `quadrupel keys create` makes one"
        )
        self.scope = scope


class TooManyStreams(AccessRefused):
    """The user has as many streams of banners open here as one user may have."""


class TooOften(AccessRefused):
    """The citizen, or the service key, asked more often than it may: again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"that is more often than one caller may ask: ask again in {seconds} s")
        self.seconds = seconds


class DeclarationRefused(QuadrupelError):
    """Rule scripts or the profile declaration are wrong; the text lists every problem found."""


class SettingRefused(QuadrupelError):
    """A setting is missing or wrong; the text names it."""


class NotFound(QuadrupelError):
    """What was named does not exist."""


class Conflict(QuadrupelError):
    """What was asked contradicts the present state."""


class ConcurrentWrite(Conflict):
    """Another worker changed the same rows first; read them again and retry the batch."""


class TopicRefused(QuadrupelError):
    """A topic is missing or has a different number of partitions than the settings say."""


class AssignmentLost(QuadrupelError):
    """The consumer lost partitions it had polled; their new owner redelivers the batch."""


class DatabaseRefused(QuadrupelError):
    """The database refused values, and will refuse them again. The text does not tell them."""


class Halted(QuadrupelError):
    """The stage may not go on until an operator resumes it; the text is the reason."""


class Unavailable(QuadrupelError):
    """Infrastructure failed; nothing was acknowledged: stop, back off, retry.

    `login_refused` where it answered, and let nobody in with the login of the settings.
    """

    def __init__(self, text: str, *, login_refused: bool = False) -> None:
        super().__init__(text)
        self.login_refused = login_refused


class BusUnavailable(Unavailable):
    """The bus did not take or give messages."""


class DatabaseUnavailable(Unavailable):
    """The database did not answer."""


class TokenKeysUnavailable(Unavailable):
    """The keys that citizens' tokens are verified with could not be read yet."""


class Overloaded(Unavailable):
    """More is asked of this process than it can answer soon: ask again, or another process."""


class ChannelUnavailable(Unavailable):
    """A channel (mail server, webhook) did not answer or asked us to come back later."""
