"""What a system did with its service key to the data of one named user."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LookAt(StrEnum):
    """What was read, or, of contacts, written."""

    BANNERS = "banners"
    EXPLAIN = "explain"
    CONTACTS = "contacts"


@dataclass(frozen=True, slots=True)
class Look:
    """One request with a service key that names a user.

    `at` is aware. `key_name` is that of the key, `request_id` finds the request in the log.
    """

    user_id: str
    at: datetime
    key_id: str
    request_id: str
    key_name: str
    route: LookAt
