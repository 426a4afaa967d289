"""`PUT /v1/users/{user_id}/contacts`: where a user is reached, told by the system that knows."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quadrupel.api import documents
from quadrupel.api.banners import UserId
from quadrupel.api.bodies import media_type, read_body, unsupported
from quadrupel.api.looks import Looks
from quadrupel.api.threads import SECONDS, Threads
from quadrupel.channels import addresses
from quadrupel.core.contacts import Contact
from quadrupel.core.errors import InputRefused
from quadrupel.core.events import check_user_id
from quadrupel.core.looks import LookAt
from quadrupel.store.keys import ServiceKey

MAX_BODY = 4096
WRITES_AT_ONCE = 4

Save = Callable[[Contact, float], None]
"""Saves a contact, not later than that (of `time.monotonic`): nobody waits for it then. Blocks."""


class ContactBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of the request."""

    email: str | None = None
    phone: str | None = None
    language: str | None = None
    time_zone: str | None = None
    consents: dict[str, bool] = {}


def routes(
    save: Save,
    service: Callable[..., Awaitable[ServiceKey]],
    languages: Sequence[str],
    looks: Looks,
) -> APIRouter:
    """The route; `service` is the dependency that lets callers in."""
    router = APIRouter(tags=["contacts"])
    writing = Threads("contacts", WRITES_AT_ONCE)

    @router.put("/v1/users/{user_id}/contacts", **documents.CONTACTS)
    async def put_contacts(
        request: Request,
        key: Annotated[ServiceKey, Depends(service)],
        user_id: UserId,
    ) -> Response:
        check_user_id(user_id)
        if media_type(request) != "application/json":
            raise unsupported("contacts come as application/json")
        contact = read_contact(user_id, await read_body(request, MAX_BODY), languages)
        looks.record(key, user_id, LookAt.CONTACTS)
        until = time.monotonic() + SECONDS
        await writing.run(lambda: save(contact, until))
        return Response(status_code=204)

    return router


def read_contact(user_id: str, body: bytes, languages: Sequence[str]) -> Contact:
    """The contact in a request's body.

    Raises InputRefused: `not-json`, `wrong-contact`, or a reason of `addresses.read_contact`.
    """
    try:
        given = msgspec.json.decode(body, type=ContactBody)
    except msgspec.ValidationError as error:
        raise InputRefused("wrong-contact", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputRefused("not-json", str(error)) from error
    return addresses.read_contact(
        user_id,
        email=given.email,
        phone=given.phone,
        language=given.language,
        time_zone=given.time_zone,
        consents=given.consents,
        languages=languages,
    )
