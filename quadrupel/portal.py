"""What the demo plays: a portal that signs its citizens' tokens, and talks to the API."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from quadrupel.bus.event_codec import encode_event
from quadrupel.core.events import Event

ISSUER = "https://portal.example"
AUDIENCE = "quadrupel"


@dataclass(frozen=True, slots=True)
class Identity:
    """The portal's signing key, and the file the API reads its public half from."""

    key: ec.EllipticCurvePrivateKey
    public_file: Path

    def token(self, user_id: str, now: datetime) -> str:
        """A token with which the citizen reads own banners for an hour."""
        claims = {"sub": user_id, "iss": ISSUER, "aud": AUDIENCE}
        return jwt.encode(claims | {"exp": now + timedelta(hours=1)}, self.key, algorithm="ES256")


def create_identity(folder: Path) -> Identity:
    """A new key; its public half is written to `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    public_file = folder / "portal.pem"
    public_file.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return Identity(key, public_file)


@dataclass(frozen=True, slots=True)
class Portal:
    """The portal's back end: reports events and contacts, and fetches a citizen's banners."""

    client: httpx.Client
    service_key: str
    identity: Identity

    def report(self, events: Sequence[Event]) -> str | None:
        """Report events; they are durable when this returns. The token waits for them in reads."""
        body = b"\n".join(map(encode_event, events))
        headers = {"content-type": "application/x-ndjson", **self._service_headers()}
        response = self.client.post("/v1/events", content=body, headers=headers).raise_for_status()
        token: str | None = response.json()["after"]
        return token

    def ask(self, path: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        """What the API answers to a system that asks for this."""
        response = self.client.get(path, params=parameters, headers=self._service_headers())
        found: Mapping[str, Any] = response.raise_for_status().json()
        return found

    def save_contact(self, user_id: str, email: str) -> None:
        """Tell where a citizen is reached, who agreed to it."""
        contact = {"email": email, "language": "en", "consents": {"email": True}}
        self.client.put(
            f"/v1/users/{user_id}/contacts", json=contact, headers=self._service_headers()
        ).raise_for_status()

    def banners(self, user_id: str) -> list[Mapping[str, Any]]:
        """The banners the citizen sees on a page, in English."""
        token = self.identity.token(user_id, datetime.now(UTC))
        asked = {"client": "web", "locale": "en"}
        response = self.client.get(
            "/v1/me/banners", params=asked, headers={"authorization": f"Bearer {token}"}
        )
        response.raise_for_status()
        found: list[Mapping[str, Any]] = response.json()["banners"]
        return found

    def is_ready(self) -> bool:
        """Whether the API answers and has everything it needs."""
        try:
            return self.client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def _service_headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.service_key}"}


def fact(user_id: str, event_type: str, time: datetime, **data: object) -> Event:
    """An event as one of the portal's source systems reports it."""
    return Event(
        id=f"{event_type}-{user_id}-{time:%Y%m%dT%H%M%S%f}",
        source="/portal/registry",
        type=event_type,
        subject=user_id,
        time=time,
        data=data,
    )


def life_before(user_id: str, now: datetime, expires: date) -> list[Event]:
    """A driver of 36 with a car: a licence that runs out on `expires`, an insurance certificate."""
    long_ago, last_year = now - timedelta(days=3650), now - timedelta(days=200)
    registered = fact(
        user_id,
        "citizen.registered",
        long_ago - timedelta(days=1),
        birth_date=f"{now.year - 36}-05-17",
        sex="female",
        region="77",
    )
    insurance = fact(
        user_id,
        "document.issued",
        last_year,
        kind="insurance_certificate",
        issued=last_year.date().isoformat(),
        expires=(last_year.date() + timedelta(days=365)).isoformat(),
    )
    return [registered, licence(user_id, long_ago, _years_later(expires, -10), expires), insurance]


def licence(user_id: str, time: datetime, issued: date, expires: date | None = None) -> Event:
    """A driving licence was issued; it is valid for ten years unless said otherwise."""
    return fact(
        user_id,
        "document.issued",
        time,
        kind="driving_licence",
        issued=issued.isoformat(),
        expires=(expires or _years_later(issued, 10)).isoformat(),
    )


def _years_later(day: date, years: int) -> date:
    return day.replace(year=day.year + years, day=min(day.day, 28))


def free_port(preferred: int) -> int:
    """The preferred port of this machine if it is free, else any that is."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")
