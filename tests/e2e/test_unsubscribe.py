"""From the header of an e-mail to the e-mails that are not sent: send and the API as processes."""

import contextlib
import json
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from quadrupel import bootstrap
from quadrupel.bus import message_codec
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.core.contacts import Contact
from quadrupel.core.messages import Message, MessageKey, MessageState
from quadrupel.store import contacts, message_desk, messages
from quadrupel.store.database import transaction
from tests.api.processes import ready

LINKS = {
    "QUADRUPEL_UNSUBSCRIBE_URL": "https://portal.example/api",
    "QUADRUPEL_UNSUBSCRIBE_SECRETS": json.dumps(["n" * 32, "o" * 32]),
}
ANNA = Contact("anna", "anna@example.org", "en", {"email": True})
COURT = {"court_hearing_on": "2026-12-20"}
SECONDS = 60


class Flow:
    """Messages to Anna, handed to a process of send, which hands e-mails to the catcher."""

    def __init__(self, engine, producer):
        self.engine, self.producer = engine, producer

    def record(self, origin, template, values=None):
        key = MessageKey("anna", origin, "once", "email")
        with transaction(self.engine) as connection:
            messages.record(connection, [Message(key, template, values or {})], datetime.now(UTC))
        self.producer.publish([message_codec.outgoing(key)])
        deadline = time.monotonic() + SECONDS
        while True:
            with transaction(self.engine) as connection:
                entry = message_desk.get(connection, key)
            if entry.state not in (MessageState.PENDING, MessageState.SENDING):
                return entry
            assert time.monotonic() < deadline, f"{origin} is {entry.state}"
            time.sleep(0.05)


@pytest.mark.slow
def test_a_link_in_an_email_ends_emails_of_its_kind(database_url, tmp_path):
    with (
        MailCatcher() as catcher,
        ready(database_url, tmp_path) as processes,
        processes.api(**LINKS) as (_, client),
        bootstrap.open_engine(processes.settings) as engine,
        contextlib.closing(bootstrap.open_bus(processes.settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        with transaction(engine) as connection:
            contacts.save(connection, [ANNA], datetime.now(UTC))
        processes.start("send", QUADRUPEL_SMTP_URL=catcher.url, **LINKS)
        flow = Flow(engine, producer)
        assert flow.record("mailing:spring", "service_announcement").state is MessageState.SENT
        [mail] = catcher.caught()
        link = mail.message["List-Unsubscribe"].strip("<>")
        assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert link.startswith("https://portal.example/api/v1/unsubscribe/")
        assert link in mail.text
        path = urlsplit(link).path.removeprefix("/api")

        assert client.get(path).status_code == 200
        assert flow.record("mailing:summer", "service_announcement").state is MessageState.SENT
        assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        refused = flow.record("mailing:autumn", "service_announcement")
        assert refused.state is MessageState.SUPPRESSED
        assert refused.error == "the citizen refused these e-mails"
        assert flow.record("rule:birthday", "birthday").state is MessageState.SENT

        assert client.post(path, data={"refuse": "all"}).status_code == 200
        assert flow.record("rule:newly_moved", "newly_moved").state is MessageState.SUPPRESSED
        must = flow.record("rule:court_hearing_soon", "court_hearing", COURT)
        assert must.state is MessageState.SENT, must.error
        assert "List-Unsubscribe" not in catcher.caught()[-1].message
