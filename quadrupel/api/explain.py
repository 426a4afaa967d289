"""`GET /v1/users/{user_id}/explain`: why a user is shown what they are shown, and why not the rest.

Who looks sees what is known of a citizen, so each look is recorded with the key that looked.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from quadrupel.api import documents
from quadrupel.api.banners import UserId
from quadrupel.api.looks import Looks
from quadrupel.api.standings import standings_of
from quadrupel.api.threads import Threads
from quadrupel.core.errors import NotFound
from quadrupel.core.events import check_user_id
from quadrupel.core.looks import LookAt
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.explain import explain
from quadrupel.rules.explain_json import explanations_json
from quadrupel.store.keys import ServiceKey
from quadrupel.store.profiles import ProfileStore

LOOKS_AT_ONCE = 2

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

Explain = Callable[[str, str | None, date | None], Mapping[str, Any]]
"""Explains to a user id the rules, or one, on a day, or the user's today; blocks."""


def explained(
    connection: sa.Connection,
    rule_set: RuleSet,
    user_id: str,
    rule: str | None,
    as_of: date,
    own: ZoneInfo,
) -> Mapping[str, Any]:
    """Why all rules, or one, say what they say of a user, and what becomes of their banners.

    `own` is the time zone of users who have none of their own. Raises NotFound for user or rule.
    """
    if rule is not None and rule not in rule_set.rules:
        raise NotFound(f'there is no rule "{rule}"')
    found = ProfileStore(rule_set.schema).read(connection, [user_id])
    if user_id not in found:
        raise NotFound(f'there is no user "{user_id}"')
    asked = rule_set.rules if rule is None else [rule]
    profile = found[user_id]
    told = [explain(rule_set, each, profile, as_of) for each in asked]
    standings = standings_of(connection, rule_set, profile, as_of, own)
    return explanations_json(profile, as_of, told, standings)


def routes(
    explain: Explain, service: Callable[..., Awaitable[ServiceKey]], looks: Looks
) -> APIRouter:
    """The route; `service` is the dependency that lets callers in."""
    router = APIRouter(tags=["explain"])
    looking = Threads("explain", LOOKS_AT_ONCE)

    @router.get("/v1/users/{user_id}/explain", **documents.EXPLAIN)
    async def users_explanations(
        key: Annotated[ServiceKey, Depends(service)],
        user_id: UserId,
        rule: Annotated[str | None, Query(description="Only this rule.")] = None,
        as_of: Annotated[
            date | None,
            Query(description="The day; without it, the user's today."),
            BeforeValidator(_written_as_day),
        ] = None,
    ) -> Response:
        check_user_id(user_id)
        looks.record(key, user_id, LookAt.EXPLAIN, rule=rule, as_of=as_of and as_of.isoformat())
        told = await looking.run(lambda: explain(user_id, rule, as_of))
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(told), 200, headers, "application/json")

    return router


def _written_as_day(text: object) -> object:
    """The text itself, written as a day is: the framework would take numbers of seconds too."""
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        raise ValueError("a day is written as 2026-11-23")
    return text
