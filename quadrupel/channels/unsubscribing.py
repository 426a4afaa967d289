"""Links by which citizens refuse e-mails: a signed token that names a user and a kind.

A link goes on working as long as one of the secrets stays, since old e-mails are read too. It has
no address in it, and is good for nothing but what stands in it.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

PATH = "/v1/unsubscribe/"
"""What comes before the token, in links and in the API."""

_SALT = "quadrupel.unsubscribe.1"
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,512}")


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """What a token stands for: that this user refuses e-mails of the kind."""

    user_id: str
    kind: str


class UnsubscribeTokens:
    """Writes and reads tokens. `secrets` come with the newest first, which signs; all are read."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._serializer = (
            URLSafeSerializer(
                list(reversed(secrets)),
                salt=_SALT,
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            )
            if secrets
            else None
        )

    def write(self, user_id: str, kind: str) -> str:
        """The token, of letters, digits and `-_.`. There must be a secret."""
        assert self._serializer is not None, "nothing to sign with"
        return str(self._serializer.dumps([user_id, kind]))

    def read(self, token: str) -> Unsubscription | None:
        """What the token stands for; None for one that no secret signed."""
        if self._serializer is None or not _TOKEN.fullmatch(token):
            return None
        try:
            user_id, kind = self._serializer.loads(token)
        except BadData:
            return None
        return Unsubscription(user_id, kind)


def links(url: str, tokens: UnsubscribeTokens) -> Callable[[str, str], str]:
    """Makes the link of a user and a kind; `url` is where the API is reached from outside."""
    start = f"{url.rstrip('/')}{PATH}"
    return lambda user_id, kind: start + tokens.write(user_id, kind)
