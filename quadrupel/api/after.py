"""Tokens for reading one's own write: which events a banner set should contain.

A token holds, for each user of a request, the position of the last of its events that can change
something. It is a condition to wait for and no right: whoever makes one up waits for nothing, or
in vain. It names users by a hash, since tokens end up in URLs.

Form: URL-safe base64 without padding of a version byte, then per user 8 bytes of hash, 4 of
partition and 8 of offset, big-endian.
"""

import hashlib
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from quadrupel.core.errors import InputRefused
from quadrupel.core.positions import Position, contains

MAX_USERS = 64
"""Of how many users a token can tell: with more it would not fit into URLs any more."""

_VERSION = b"\x01"
_ENTRY = struct.Struct(">8sIQ")
_MAX_LENGTH = (1 + MAX_USERS * _ENTRY.size) * 4 // 3 + 1


@dataclass(frozen=True, slots=True)
class After:
    """Where the last event of each user is, by the hash of the user id."""

    positions: Mapping[bytes, Position]

    def is_reached(self, user_id: str, contained: Position | None) -> bool:
        """Whether a user's set that contains everything up to `contained` has the user's events.

        Of a user the token does not name it waits for nothing.
        """
        asked = self.positions.get(_hash(user_id))
        return asked is None or contains(contained, asked)


def write_token(positions: Mapping[str, Position]) -> str | None:
    """The token for the last event of each user, by user id; None if it would be too long."""
    if len(positions) > MAX_USERS:
        return None
    entries = [_ENTRY.pack(_hash(user_id), *positions[user_id]) for user_id in positions]
    return _to_text(_VERSION + b"".join(entries))


def read_token(text: str) -> After:
    """What a token says. Raises InputRefused (`bad-token`)."""
    if len(text) > _MAX_LENGTH:
        raise _refusal()
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise _refusal() from error
    well_formed = packed[:1] == _VERSION and len(packed) % _ENTRY.size == 1
    if not well_formed or _to_text(packed) != text:
        raise _refusal()
    entries = _ENTRY.iter_unpack(packed[1:])
    return After({hashed: Position(partition, offset) for hashed, partition, offset in entries})


def _to_text(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def _hash(user_id: str) -> bytes:
    return hashlib.blake2b(user_id.encode(), digest_size=8).digest()


def _refusal() -> InputRefused:
    return InputRefused("bad-token", "after is what POST /v1/events answered, unchanged")
