"""Planning a mailing: everything that can be wrong with it, said before anything is sent."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from quadrupel import bootstrap
from quadrupel.bootstrap import Parts
from quadrupel.channels.templates import Rendered
from quadrupel.cli.csv_files import CsvFile
from quadrupel.cli.output import errors, progress
from quadrupel.config import Settings
from quadrupel.core.contacts import EMAIL
from quadrupel.core.errors import InputRefused, NotFound
from quadrupel.core.events import check_user_id
from quadrupel.core.mailings import Audience, Mailing, MailingState, check_name
from quadrupel.rules.catalogue import RuleSet
from quadrupel.stages.audience import Pages, Survey, listed, open_audience, survey
from quadrupel.store import contacts, mailings, profiles
from quadrupel.store.database import transaction

COLUMNS = ("user_id",)


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator asked for. `users_file` holds the audience where it is a list of users."""

    name: str
    audience: Audience
    users_file: Path | None
    channel: str
    template: str
    rate: int
    as_of: date
    samples: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A mailing and what its audience comes to; `samples` are e-mails by user."""

    mailing: Mailing
    survey: Survey
    samples: list[tuple[str, Rendered]]

    def fields(self) -> dict[str, object]:
        """As JSON."""
        return {
            "name": self.mailing.name,
            "audience": str(self.mailing.audience),
            "channel": self.mailing.channel,
            "template": self.mailing.template,
            "rate": self.mailing.rate,
            "as_of": self.mailing.as_of,
            "recipients": self.survey.recipients,
            "incomplete": self.survey.incomplete,
            "reachable": self.survey.reachable,
            "obstacles": self.survey.obstacles,
            "samples": [
                {"user_id": user, "subject": sample.subject, "text": sample.text}
                for user, sample in self.samples
            ],
        }


def plan_mailing(settings: Settings, order: Order, *, keep: bool) -> Planned:
    """Check an order, count its audience, and store it if it is to be kept.

    Raises InputRefused, NotFound, Conflict or DeclarationRefused, saying what is wrong with it.
    """
    now = bootstrap.now()
    mailing = Mailing(
        name=check_name(order.name),
        audience=order.audience,
        channel=order.channel,
        template=order.template,
        rate=order.rate,
        state=MailingState.PLANNED,
        as_of=order.as_of,
        audience_size=0,
        cursor=None,
        queued=0,
        created_at=now,
        updated_at=now,
    )
    with bootstrap.open_parts(settings) as parts:
        shown = shown_by(settings, parts.rules, mailing.channel, mailing.template)
        with transaction(parts.engine) as connection:
            mailings.create(connection, mailing)
            pages, people = _audience(parts, connection, mailing, order.users_file, shown)
            with progress("counting the audience", people) as advance:
                found = survey(parts.engine, pages(None), mailing.channel, order.samples, advance)
            mailings.resize(connection, mailing.name, found.recipients)
            samples = _render(settings, connection, mailing, found)
            if not keep:
                connection.rollback()
    return Planned(replace(mailing, audience_size=found.recipients), found, samples)


def shown_by(settings: Settings, rules: RuleSet, channel: str, template: str) -> list[str]:
    """The attributes a template shows on a channel, sorted.

    Raises InputRefused for an unknown template or placeholder, NotFound for an unknown channel.
    """
    if channel != EMAIL:
        names = [f"webhook:{name}" for name in settings.webhooks]
        if channel not in names:
            raise NotFound(
                f"there is no channel {channel!a}; there are {', '.join([EMAIL, *names])}"
            )
        return []
    shown = sorted(bootstrap.load_templates(settings).placeholders(template))
    unknown = [name for name in shown if name not in rules.schema.attributes]
    if unknown:
        raise InputRefused(
            "unknown-placeholder",
            f"template {template} shows {', '.join(unknown)}, which is no attribute of a profile",
        )
    textless = [name for name in shown if not rules.schema[name].has_text]
    if textless:
        raise InputRefused(
            "unknown-placeholder",
            f"template {template} shows {', '.join(textless)}, which has no text",
        )
    return shown


def _audience(
    parts: Parts,
    connection: sa.Connection,
    mailing: Mailing,
    users_file: Path | None,
    shown: list[str],
) -> tuple[Pages, int]:
    """The pages of an audience that is being planned, and how many users they go through."""
    if users_file is None:
        pages = open_audience(parts.engine, parts.rules, mailing, shown)
        return pages, profiles.count(connection)
    count = _take_users(connection, mailing.name, CsvFile(users_file, COLUMNS))

    def users(after: str | None, limit: int) -> list[str]:
        return mailings.users(connection, mailing.name, after, limit)

    return listed(parts.engine, parts.rules.schema, users, shown), count


def _take_users(connection: sa.Connection, name: str, file: CsvFile) -> int:
    with errors.status(f"reading {file.path}"):
        given = file.read(lambda row: check_user_id(row["user_id"]))
        count = mailings.add_users(connection, name, given)
    file.require_all()
    if not count:
        raise InputRefused("bad-file", f"{file.path}: there are no users in it")
    if count < file.good:
        errors.print(f"{file.good - count:,} rows repeat a user; nobody is sent to twice")
    return count


def _render(
    settings: Settings, connection: sa.Connection, mailing: Mailing, found: Survey
) -> list[tuple[str, Rendered]]:
    if mailing.channel != EMAIL:
        return []
    templates = bootstrap.load_templates(settings)
    known = contacts.find(connection, [each.user_id for each in found.samples])
    languages = {user_id: contact.language for user_id, contact in known.items()}
    return [
        (
            each.user_id,
            templates.render(mailing.template, languages.get(each.user_id), each.values),
        )
        for each in found.samples
    ]
