"""Settings: read once from the environment (`QUADRUPEL_...`), failing with the name of the key.

Every setting has a field here with its meaning; `docs/reference/settings.md` is written from it.
"""

import re
import zoneinfo
from datetime import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from quadrupel import embedded
from quadrupel.core.errors import SettingRefused
from quadrupel.core.origins import read_origins
from quadrupel.setting_types import (
    BaseUrl,
    DatabaseUrl,
    HttpUrl,
    KafkaClient,
    Languages,
    LocalTime,
    LongSecret,
    Origins,
    TimeZone,
    WebhookName,
)


class WebhookEndpoint(BaseModel):
    """Where a webhook's messages go, and what signs them: a secret, or several with spaces."""

    url: HttpUrl
    secret: SecretStr


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix="QUADRUPEL_", extra="ignore", frozen=True, env_ignore_empty=True
    )

    database_url: DatabaseUrl | None = Field(
        None, description="PostgreSQL 15 or later; unset, `up` and `demo` start their own server"
    )
    replica_url: DatabaseUrl | None = Field(
        None,
        description="a read replica for the API and for runs; unset, they read the database itself",
    )
    replica_max_lag: float = Field(
        10,
        ge=0,
        le=300,
        description="seconds the replica may be behind: else the API reads the database itself,"
        " and so does a run, after waiting for so long",
    )
    data_dir: Path | None = Field(
        None, description="where `up` keeps its own server; unset, the user's data folder"
    )
    kafka_bootstrap: str | None = Field(
        None, description="host:port of Kafka brokers; unset, the bus is tables in the database"
    )
    kafka_client: KafkaClient = Field(
        {},
        description="JSON: settings of librdkafka for connections by TLS or with a login, such as"
        ' {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username":'
        ' "...", "sasl.password": "..."}',
    )
    kafka_replication: int = Field(1, ge=1, le=7, description="replicas of each topic on Kafka")
    partitions: int = Field(6, ge=1, le=1024, description="partitions of each topic")
    rules: Path | None = Field(
        None, description="the folder of rule scripts; unset, ./rules, else those in the package"
    )
    languages: Languages = Field(
        ("en", "ru"), description="the languages every rule has texts in; the first is the default"
    )
    time_zone: TimeZone = Field(
        "UTC", description="the zone of users who have none of their own, and of times in texts"
    )
    night_at: LocalTime = Field(
        time(2, 30), description="time of the nightly run in each user's zone"
    )
    morning: LocalTime = Field(
        time(7), description="time in that zone by which the nightly run is to be done"
    )
    reopen_days: int = Field(
        7,
        ge=0,
        le=365,
        description="a match that returns within so many days is the same episode; 0: never",
    )
    range_size: int = Field(50_000, ge=100, le=1_000_000, description="users in one range of a run")
    batch_size: int = Field(
        2_000,
        ge=1,
        le=100_000,
        description="messages a stage takes at once; ingest: five times as many",
    )

    smtp_url: str = Field(
        "smtp://127.0.0.1:1025",
        pattern=r"^smtps?://",
        description="the mail server: smtp[s]://[user:password@]host:port[?starttls=true]",
    )
    mail_from: str = Field("Portal <no-reply@portal.example>", description="the sender of e-mail")
    portal_url: str = Field(
        "https://portal.example",
        pattern=r"^https?://[^/]+$",
        description="the portal that links in e-mails lead to",
    )
    unsubscribe_url: BaseUrl | None = Field(
        None,
        description="where citizens and their mail providers reach the API's /v1/unsubscribe/, like"
        " https://api.portal.example; unset, e-mails have no link to refuse them",
    )
    unsubscribe_secrets: tuple[LongSecret, ...] = Field(
        (),
        description="JSON: the secrets that sign these links, of 32 characters or more, the newest"
        " first; one that is left out ends the links that it signed",
    )
    webhooks: dict[WebhookName, WebhookEndpoint] = Field(
        {}, description='JSON: {"crm": {"url": "https://...", "secret": "..."}}'
    )

    api_host: str = Field("127.0.0.1", description="the address the API listens on")
    api_port: int = Field(8080, ge=0, le=65_535, description="the port the API listens on")
    api_grace: float = Field(
        5,
        ge=0,
        le=300,
        description="seconds that open connections have to go elsewhere when the API is stopped",
    )
    jwt_keys: str | None = Field(
        None, description="the keys citizens' tokens are signed with: a JWKS or PEM file, or a URL"
    )
    jwt_issuer: str | None = Field(None, description="the `iss` a citizen's token must have")
    jwt_audience: str = Field("quadrupel", description="the `aud` a citizen's token must have")

    api_user_rate: int = Field(
        600,
        ge=0,
        le=60_000,
        description="requests a minute of one citizen, to one process of the API, each piece of"
        " feedback being one; 0: any number",
    )
    api_user_burst: int = Field(
        300, ge=1, le=60_000, description="how many of them may come at once"
    )
    api_key_rate: int = Field(
        500,
        ge=0,
        le=100_000,
        description="requests a second with one service key, to one process of the API, a batch of"
        " events being one; 0: any number",
    )
    api_key_burst: int = Field(
        1_000, ge=1, le=1_000_000, description="how many of them may come at once"
    )

    cors_origins: Origins | None = Field(
        None,
        description="pages that may call the routes of citizens: origins like"
        " https://portal.example, with commas between; unset, none but those of the API's own",
    )
    audit_days: int = Field(
        365,
        ge=1,
        le=3650,
        description="for how many days it is kept who looked at whom",
    )

    metrics_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Prometheus metrics; 0: none; `up` counts on from here, a port a process",
    )
    log_format: Literal["auto", "text", "json"] = Field(
        "auto", description="auto: text on a terminal, JSON otherwise"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least important lines that are logged"
    )

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The zone of users who have none of their own."""
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose pages may call the routes of citizens."""
        return read_origins(self.cors_origins) if self.cors_origins else frozenset()

    @property
    def unsubscribe_keys(self) -> list[str]:
        """The secrets that sign links which refuse e-mails, the newest first."""
        return [each.get_secret_value() for each in self.unsubscribe_secrets]

    def required(self, name: str) -> Any:
        """The value of a setting that this command cannot do without; SettingRefused names it."""
        value = getattr(self, name)
        if value is None:
            meaning = type(self).model_fields[name].description
            raise SettingRefused(f"QUADRUPEL_{name.upper()} is not set: {meaning}")
        return value

    @property
    def database(self) -> str:
        """The URL of the database: the setting, else that of the `quadrupel up` running here.

        Raises SettingRefused where there is neither.
        """
        running = embedded.running_url(self.data_dir or embedded.default_data_dir())
        return self.database_url or running or str(self.required("database_url"))


_SECRET = {
    *("database_url", "replica_url", "smtp_url", "webhooks", "kafka_client"),
    *("unsubscribe_url", "unsubscribe_secrets"),
}
"""Settings that may hold a password: what is wrong with one is told without its value."""


def read_settings(**overrides: Any) -> Settings:
    """Read the environment; `overrides` that are not None go before it.

    Raises SettingRefused that names every wrong setting.
    """
    try:
        read = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        raise SettingRefused("\n".join(lines)) from error
    except SettingsError as error:
        name = "".join(re.findall(r'field "(\w+)"', str(error))).upper()
        raise SettingRefused(f"QUADRUPEL_{name} is wrong: it must be JSON") from error
    if bool(read.unsubscribe_url) != bool(read.unsubscribe_secrets):
        raise SettingRefused(
            "QUADRUPEL_UNSUBSCRIBE_URL and QUADRUPEL_UNSUBSCRIBE_SECRETS belong together: set both,"
            " or neither"
        )
    return read


def _explain(problem: Any) -> str:
    setting, *inside = (str(part) for part in problem["loc"] if part != "[key]")
    place = ".".join([f"QUADRUPEL_{setting.upper()}", *inside])
    value = f" (it is {problem['input']!r})" if problem["loc"][0] not in _SECRET else ""
    return f"{place} is wrong: {problem['msg'].removeprefix('Value error, ')}{value}"


def rules_folder(settings: Settings) -> Path:
    """The folder of rule scripts: the setting, else ./rules, else the shipped ones."""
    shipped = Path(__file__).parent / "_shipped" / "rules"
    candidates = [settings.rules] if settings.rules else [Path("rules"), shipped]
    for folder in candidates:
        if (folder / "profile.py").is_file():
            return folder
    raise SettingRefused(
        f"QUADRUPEL_RULES: no profile.py in {' or '.join(str(folder) for folder in candidates)}"
    )


def migrations_folder() -> Path:
    """The folder of Alembic migrations: beside the package in a checkout, else inside it."""
    checkout = Path(__file__).parent.parent / "migrations"
    shipped = Path(__file__).parent / "_shipped" / "migrations"
    return shipped if shipped.is_dir() else checkout
