"""A front end that reads a stream of banners, one event after the other."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

PATH = "/v1/me/banners/stream"
PATIENCE = 10.0
"""How many seconds it waits for anything at all: less than until the second sign of life."""


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: Any
    text: str


class FrontEnd:
    """What comes on one stream; `comments` counts the signs of life so far."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self.retry: int | None = None
        self._lines = response.iter_lines()

    def next(self) -> Event | None:
        """The next event; None when the stream has ended. Raises ReadTimeout if nothing comes."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments += 1
            elif name == "retry":
                self.retry = int(value)
            elif line:
                fields[name] = value
            elif fields:
                text = fields["data"]
                return Event(fields["event"], fields["id"], msgspec.json.decode(text), text)
        return None

    def sign_of_life(self) -> None:
        """Wait for a comment."""
        for line in self._lines:
            if line.startswith(":"):
                self.comments += 1
                return


@contextlib.contextmanager
def reading(
    client: httpx.Client, headers: Mapping[str, Any], query: str = "", last: Any = None
) -> Iterator[FrontEnd]:
    """A stream, for as long as the block."""
    more = {} if last is None else {"last-event-id": last}
    asked = client.stream("GET", PATH + query, headers={**headers, **more}, timeout=PATIENCE)
    with asked as response:
        assert response.status_code == 200, response.read()
        yield FrontEnd(response)
