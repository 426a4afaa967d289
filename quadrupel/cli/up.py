"""`quadrupel up`: everything on one machine."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from quadrupel import telemetry
from quadrupel.channels.mail_catcher import CaughtMail, MailCatcher
from quadrupel.cli.output import errors
from quadrupel.cli.stages import Resume, resume_ingest
from quadrupel.config import Settings, read_settings
from quadrupel.demo_page.serving import demo_page
from quadrupel.embedded import default_data_dir, held
from quadrupel.machine import machine
from quadrupel.portal import AUDIENCE, ISSUER, Identity, create_identity
from quadrupel.supervisor import stop_on_signals

DataDir = Annotated[
    Path | None, typer.Option(help="Where the embedded server keeps its data; else the setting.")
]


def up(
    data_dir: DataDir = None,
    api_port: Annotated[int | None, typer.Option(help="Port of the API; else the setting.")] = None,
    no_page: Annotated[bool, typer.Option("--no-page", help="Serve no demo page.")] = False,
    page_port: Annotated[
        int | None,
        typer.Option(help="Port of the demo page; else 8081 if it is free.", min=0, max=65_535),
    ] = None,
    resume: Resume = False,
) -> None:
    """Run everything on this machine until Ctrl-C: all stages, the API, and a database.

    Examples:
      quadrupel up
      QUADRUPEL_DATABASE_URL=postgresql://... quadrupel up --api-port 9000
      quadrupel up --no-page

    Without QUADRUPEL_DATABASE_URL it runs its own PostgreSQL server; without
    QUADRUPEL_KAFKA_BOOTSTRAP the bus is in the database; without QUADRUPEL_SMTP_URL e-mails are
    shown here and not sent. A stage that dies is started again.

    Without QUADRUPEL_JWT_KEYS no citizen can sign in, so it serves a portal of made ones: the demo
    page, for browsers on this machine only. With QUADRUPEL_JWT_KEYS there is no demo page.
    """
    overrides: dict[str, object] = {"data_dir": data_dir, "api_port": api_port}
    settings = read_settings(**overrides)
    telemetry.configure_logs(settings.log_format, settings.log_level)
    catcher, identity = None, None
    with contextlib.ExitStack() as stack:
        if settings.database_url is None or settings.jwt_keys is None:
            stack.enter_context(held(settings.data_dir or default_data_dir()))
        stop = stop_on_signals()
        if "smtp_url" not in settings.model_fields_set:
            catcher = stack.enter_context(MailCatcher(on_mail=_show))
            overrides["smtp_url"] = catcher.url
        if settings.jwt_keys is None:
            identity = _own_identity(settings)
            overrides |= {
                "jwt_keys": str(identity.public_file),
                "jwt_issuer": ISSUER,
                "jwt_audience": AUDIENCE,
            }
        running = stack.enter_context(machine(overrides))
        if resume:
            resume_ingest(running.settings)
        running.supervisor.start()
        errors.print(f"the API is at http://{settings.api_host}:{settings.api_port}; Ctrl-C stops")
        if identity is not None and not no_page:
            url = stack.enter_context(demo_page(running.settings, identity, catcher, page_port))
            errors.print(f"the demo page is at {url}")
        running.supervisor.watch(stop)
        errors.print("stopping ...")


def _show(mail: CaughtMail) -> None:
    errors.print(f"e-mail to {mail.recipient}: {mail.subject}", markup=False)


def _own_identity(settings: Settings) -> Identity:
    """The identity of a portal whose citizens' tokens nobody can sign but this process."""
    return create_identity(settings.data_dir or default_data_dir())
