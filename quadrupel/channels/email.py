"""The e-mail channel: renders a message in the user's language and hands it to the mail server."""

from collections.abc import Callable
from dataclasses import replace
from email.headerregistry import Address
from email.utils import getaddresses

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from quadrupel.channels.mime import compose, header
from quadrupel.channels.smtp import Mail, SmtpConnections, SmtpServer
from quadrupel.channels.templates import Templates
from quadrupel.core.channels import Delivered, Envelope, Outcome, RefusedForGood
from quadrupel.core.errors import SettingRefused


class EmailChannel:
    """Sends e-mail. `sender` is a mailbox: `Portal <no-reply@portal.example>`.

    `templates` gives those in force. `link_of` makes the link by which a user refuses e-mails of a
    kind; None: there are no links.
    """

    def __init__(
        self,
        server: SmtpServer,
        sender: str,
        templates: Callable[[], Templates],
        *,
        link_of: Callable[[str, str], str] | None = None,
        connections: int = 20,
    ) -> None:
        self.concurrency = connections
        self._connections = SmtpConnections(server)
        self._sender = read_sender(sender)
        self._templates = templates
        self._link_of = link_of

    async def deliver(self, envelope: Envelope) -> Outcome:
        """See Channel. What cannot be composed, or has no real address, is refused for good.

        What cannot be rendered raises InputRefused.
        """
        contact = envelope.contact
        if contact is None or not contact.email:
            return RefusedForGood("no address")
        message = envelope.message
        try:
            to = read_address(contact.email)
            link = self._link(envelope)
            rendered = self._templates().render(
                message.template, contact.language, message.values, link
            )
            contents = compose(
                self._sender, to, rendered, message.key, envelope.handed_over_at, link
            )
        except EmailNotValidError:
            return RefusedForGood("it is not an e-mail address", about_address=True)
        except ValueError as error:
            return RefusedForGood(str(error))
        mail = Mail(
            sender=self._sender.addr_spec,
            recipient=to.ascii_email or to.normalized,
            contents=contents,
            utf8=to.smtputf8,
        )
        return _without_address(await self._connections.hand_over(mail), mail.recipient)

    def _link(self, envelope: Envelope) -> str:
        if self._link_of is None or envelope.kind is None:
            return ""
        return self._link_of(envelope.message.key.user_id, envelope.kind)

    async def close(self) -> None:
        """Close the connections to the mail server."""
        await self._connections.close()


def read_address(text: str) -> ValidatedEmail:
    """An e-mail address by its syntax; raises EmailNotValidError. Asks no name server."""
    return validate_email(text, check_deliverability=False)


def read_sender(text: str) -> Address:
    """The mailbox mail comes from; SettingRefused names the setting."""
    try:
        name, address = _mailbox(text)
        read = validate_email(address, check_deliverability=False, globally_deliverable=False)
        sender = Address(name, addr_spec=read.ascii_email or "")
        header("From", str(sender))
    except (EmailNotValidError, ValueError) as error:
        raise SettingRefused(
            f"QUADRUPEL_MAIL_FROM is wrong: {error}; it is written Portal <no-reply@portal.example>"
        ) from error
    return sender


def _mailbox(text: str) -> tuple[str, str]:
    mailboxes = getaddresses([text])
    if len(mailboxes) != 1:
        raise ValueError("it must be one mailbox")
    return mailboxes[0]


def _without_address(outcome: Outcome, address: str) -> Outcome:
    """The outcome without the address, which servers like to repeat, and which is personal."""
    if isinstance(outcome, Delivered):
        return outcome
    return replace(outcome, reason=outcome.reason.replace(address, "(the address)"))
