"""What is held about a user as documents: in short for an operator, whole for who asked for it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from quadrupel.cli.messages import write_key
from quadrupel.core.banners import Banner
from quadrupel.core.looks import Look
from quadrupel.store.message_desk import Entry
from quadrupel.store.users import HeldProfile, HeldUser, Row

Document = dict[str, Any]
"""An object of JSON, with days, times and decimals still as they are."""

LATEST = 10
"""How many looks a summary names."""


def summary(held: HeldUser) -> Document:
    """What is known of a user, without addresses and without what is over."""
    return {
        "user_id": held.user_id,
        "profile": _profile(held.profile),
        "contact": held.contact is not None,
        "refused": {each.channel: each.reason for each in held.suppressions},
        "refusals": [{"channel": each.channel, "kind": each.kind} for each in held.refusals],
        "banner_set": _banner_set(held.banner_set),
        "open_matches": [_match(match) for match in held.open_matches],
        "feedback": [_of_user(row) for row in held.feedback],
        "exposures": [_of_user(row) for row in held.exposures],
        "messages": {state.value: count for state, count in held.message_counts().items()},
        "mailings": list(held.mailings),
        "looks": {
            "count": len(held.looks),
            "latest": [look_fields(look) for look in held.looks[:LATEST]],
        },
    }


def whole(held: HeldUser, now: datetime) -> Document:
    """Everything that is held about a user: the answer to a request by the data subject."""
    return {
        "user_id": held.user_id,
        "exported_at": now,
        "profile": _profile(held.profile),
        "contact": None if held.contact is None else asdict(held.contact),
        "refused_addresses": [
            {**asdict(each), "address_hash": each.address_hash.hex()} for each in held.suppressions
        ],
        "refusals": [asdict(each) for each in held.refusals],
        "banner_set": _banner_set(held.banner_set),
        "matches": [_match(match) for match in held.matches],
        "feedback": [_of_user(row) for row in held.feedback],
        "exposures": [_of_user(row) for row in held.exposures],
        "messages": [_message(entry) for entry in held.messages],
        "mailings": list(held.mailings),
        "looks": [look_fields(look) for look in held.looks],
    }


def look_fields(look: Look) -> Document:
    """A look at a user."""
    return {
        "at": look.at,
        "key": look.key_id,
        "key_name": look.key_name,
        "route": look.route.value,
        "request_id": look.request_id,
    }


def _profile(profile: HeldProfile | None) -> Document | None:
    if profile is None:
        return None
    return {
        "version": profile.version,
        "updated_at": profile.updated_at,
        "erased": profile.erased,
        "erased_at": profile.erased_at,
        "registered_at": profile.registered_at,
        "attributes": {
            name: {"value": held.value, "event_time": held.event_time}
            for name, held in sorted(profile.attributes.items())
        },
        "events_remembered": profile.events,
    }


def _banner_set(row: Row | None) -> Document | None:
    """The banner set; None also where a tombstone is all there is."""
    if row is None or not (row["banners"] or row["rule_set"]):
        return None
    return {
        "version": row["version"],
        "as_of": row["as_of"],
        "evaluated_at": row["evaluated_at"],
        "banners": [_banner(Banner(*each)) for each in row["banners"]],
    }


def _banner(banner: Banner) -> Document:
    """A banner of the set; clients are named where not all of its placement show it."""
    shown: Document = {"rule": banner.rule, "episode": banner.episode, "values": banner.shown}
    return {**shown, "clients": banner.clients} if banner.clients else shown


def _match(row: Row) -> Document:
    return {
        "rule": row["rule"],
        "episode": row["episode"],
        "opened_on": row["opened_on"],
        "closed_on": row["closed_on"],
        "values": row["shown"],
    }


def _of_user(row: Row) -> Document:
    """A row as it is: feedback on the banner of an episode, or an exposure."""
    return {name: value for name, value in row.items() if name != "user_id"}


def _message(entry: Entry) -> Mapping[str, Any]:
    return {
        "key": write_key(entry.message.key),
        "template": entry.message.template,
        "values": dict(entry.message.values),
        "state": entry.state.value,
        "attempts": entry.attempts,
        "error": entry.error,
        "recorded_at": entry.recorded_at,
        "updated_at": entry.updated_at,
    }
