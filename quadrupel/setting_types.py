"""The types of settings: what each may hold, and what is said where it does not.

What is wrong is told without the value where that may hold a password.
"""

import re
import zoneinfo
from datetime import time
from typing import Annotated, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BeforeValidator, SecretStr

from quadrupel.core.origins import read_base_url, read_origins
from quadrupel.http_urls import http_url

LONG = 32
"""Characters that a secret has at least which signs what strangers may try to sign."""


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from error
    return name


def _local_time(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("a local time says nothing of its zone, like 02:30")
    return at


_DATABASE_FORM = (
    "it is written postgresql://[user:password@]host[:port]/database[?option=value]; in a user or a"
    " password a / is written %2F, an @ %40, a % %25, a space %20"
)
_PORTS = re.compile("[0-9,]*")


def _database_url(url: str) -> str:
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("a database URL starts with postgresql://")
    try:
        read = conninfo_to_dict(url)
    except (psycopg.Error, UnicodeError):  # which quote what they could not read
        raise ValueError(_DATABASE_FORM) from None
    host, port = str(read.get("host", "")), str(read.get("port", ""))
    if "@" in host[1:] or not _PORTS.fullmatch(port):  # those are parts of a password
        raise ValueError(_DATABASE_FORM)
    return url


_ABOUT_CONNECTIONS = re.compile(
    r"security\.protocol|enable\.ssl\.certificate\.verification|(sasl|ssl)\.[a-z0-9._]+"
    r"|client\.(id|rack)|broker\.address\.family|socket\.keepalive\.enable"
)

_NO_C_STRING = re.compile("[\0\ud800-\udfff]")


def _kafka_client(given: Any) -> Any:
    """Settings of librdkafka, each as text. What is wrong is told without the values."""
    if not isinstance(given, dict):
        return given
    for name, value in given.items():
        if not _ABOUT_CONNECTIONS.fullmatch(name):
            raise ValueError(
                f"{name!r} is none of security.protocol, ssl.*, sasl.*, client.id, client.rack,"
                " enable.ssl.certificate.verification, broker.address.family and"
                " socket.keepalive.enable; what else a client needs is set by Quadrupel"
            )
        if not isinstance(value, str | int | float) or _NO_C_STRING.search(str(value)):
            raise ValueError(f"{name} is a text (without \\u0000), a number, true or false")
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in given.items()
    }


_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")


def _languages(tags: tuple[str, ...]) -> tuple[str, ...]:
    if not tags:
        raise ValueError("there must be at least one language")
    for tag in tags:
        if not _LANGUAGE.fullmatch(tag):
            raise ValueError(f"{tag!r} is no language tag, like en or pt-BR")
    if len({tag.lower() for tag in tags}) < len(tags):
        raise ValueError("a language is named twice")
    return tags


def _long_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < LONG:
        raise ValueError(f"a secret has {LONG} characters or more")
    return secret


_WEBHOOK = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _webhook_name(name: str) -> str:
    if not _WEBHOOK.fullmatch(name):  # it stands in keys of messages, whose parts a / divides
        raise ValueError("a webhook's name is 1 to 64 of A-Z, a-z, 0-9, _, . and -")
    return name


def _origins(text: str) -> str:
    read_origins(text)
    return text


BaseUrl = Annotated[str, AfterValidator(read_base_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
KafkaClient = Annotated[dict[str, SecretStr], BeforeValidator(_kafka_client)]
Languages = Annotated[tuple[str, ...], AfterValidator(_languages)]
LocalTime = Annotated[time, AfterValidator(_local_time)]
LongSecret = Annotated[SecretStr, AfterValidator(_long_secret)]
Origins = Annotated[str, AfterValidator(_origins)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
WebhookName = Annotated[str, AfterValidator(_webhook_name)]
