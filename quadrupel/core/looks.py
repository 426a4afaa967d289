"""What a system with its service key, or an operator, did with the data of one named user."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

OPERATOR = "operator"
"""The key's id and name in looks by the command line, where nobody shows a key."""


class LookAt(StrEnum):
    """What was read; of contacts, read or written; of an erasure, asked for."""

    BANNERS = "banners"
    EXPLAIN = "explain"
    CONTACTS = "contacts"
    USER = "user"
    EXPORT = "export"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class Look:
    """One request with a service key, or one command, that names a user.

    `at` is aware. `key_name` is that of the key, `request_id` finds the request in the log; of a
    command it is HOST:PID.
    """

    user_id: str
    at: datetime
    key_id: str
    request_id: str
    key_name: str
    route: LookAt
