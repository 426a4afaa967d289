import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quadrupel.channels.email import EmailChannel, read_sender
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.channels.smtp import read_smtp_url
from quadrupel.channels.templates import Rendered, load_templates
from quadrupel.core.channels import Delivered, Envelope, RefusedForGood
from quadrupel.core.contacts import Contact
from quadrupel.core.errors import InputRefused, SettingRefused
from quadrupel.core.messages import Message, MessageKey

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = MessageKey("anna", "rule:driving_licence_expiring", "2026-12-20", "email")
SENDER = "Портал «Услуги» <no-reply@portal.example>"
TEMPLATES = load_templates(
    Path(__file__).parents[2] / "rules" / "templates", ("en", "ru"), "https://portal.example"
)


def envelope(email="anna@example.org", language="ru", values=None, template=KEY.origin[5:]):
    values = {"driving_licence_expires": "2026-12-20"} if values is None else values
    contact = Contact("anna", email, language, {"email": True})
    return Envelope(Message(KEY, template, values), contact, NOW - timedelta(days=1), NOW)


def deliver(url, *envelopes, link_of=None):
    async def deliver_all():
        channel = EmailChannel(read_smtp_url(url), SENDER, lambda: TEMPLATES, link_of=link_of)
        delivering = map(channel.deliver, envelopes)
        outcomes = await asyncio.gather(*delivering, return_exceptions=True)
        await channel.close()
        return outcomes

    return asyncio.run(deliver_all())


def test_a_mail_arrives_whole_in_the_language_of_its_user():
    with MailCatcher() as catcher:
        assert deliver(catcher.url, envelope()) == [Delivered()]
    [mail] = catcher.caught("anna@example.org")
    assert mail.subject == "Замените водительское удостоверение до 20 декабря 2026 г."
    assert mail.text.startswith("Здравствуйте!")
    assert mail.html.startswith("<!doctype html>")
    assert mail.message["From"] == SENDER
    assert mail.message["To"] == "anna@example.org"
    assert mail.message["Date"] == "Mon, 23 Nov 2026 12:00:00 +0000"
    assert mail.message["Message-ID"] == f"<{KEY.digest}@portal.example>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message.get_content_type() == "multipart/alternative"


def test_a_mail_of_a_topic_that_can_be_refused_shows_its_link_three_times_over():
    link = "https://api.portal.example/v1/unsubscribe/"
    given = replace(envelope(), kind="rule:driving_licence_expiring")
    with MailCatcher() as catcher:
        deliver(catcher.url, given, link_of=lambda user, kind: f"{link}{user}.{kind[5:]}")
    [mail] = catcher.caught()
    own = f"{link}anna.driving_licence_expiring"
    assert mail.message["List-Unsubscribe"] == f"<{own}>"
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"Если такие письма вам не нужны: {own}\n" in mail.text
    assert f'<a href="{own}"' in mail.html
    assert "anna@example.org" not in mail.text + mail.html


@pytest.mark.parametrize(
    ("kind", "link_of"), [(None, lambda *_: "https://x.example/"), ("rule:x", None)]
)
def test_a_mail_that_cannot_be_refused_or_where_no_link_is_set_up_has_none(kind, link_of):
    with MailCatcher() as catcher:
        deliver(catcher.url, replace(envelope(), kind=kind), link_of=link_of)
    [mail] = catcher.caught()
    assert not [name for name in mail.message if name.startswith("List-")]
    assert "письма вам не нужны" not in mail.text
    assert "Отказаться" not in mail.html


def test_many_mails_at_once_arrive_each_to_its_own_recipient():
    envelopes = [envelope(f"user{number}@example.org") for number in range(100)]
    with MailCatcher() as catcher:
        assert deliver(catcher.url, *envelopes) == [Delivered()] * 100
    assert sorted(mail.recipient for mail in catcher.caught()) == sorted(
        each.contact.email for each in envelopes
    )
    assert all(mail.message["To"] == mail.recipient for mail in catcher.caught())


@pytest.mark.parametrize(
    ("email", "arrives_at"),
    [
        ("anna@пример.рф", "anna@xn--e1afmkfd.xn--p1ai"),
        ("анна@пример.рф", "анна@пример.рф"),
        ("ANNA@Example.ORG", "ANNA@example.org"),
    ],
)
def test_an_international_address_is_reached(email, arrives_at):
    with MailCatcher() as catcher:
        assert deliver(catcher.url, envelope(email)) == [Delivered()]
    assert [mail.recipient for mail in catcher.caught()] == [arrives_at]
    assert catcher.caught()[0].message["To"] == arrives_at


@pytest.mark.parametrize(
    "email",
    [
        "anna",
        "anna@",
        "@example.org",
        "anna@example",
        "anna@exam ple.org",
        "anna@example.org, eve@example.org",
        "anna@example.org\r\nBcc: eve@example.org",
        "<anna@example.org>",
        "Anna <anna@example.org>",
        "anna@example.org\0",
    ],
)
def test_what_is_no_address_is_refused_for_good_and_not_told(email):
    with MailCatcher() as catcher:
        [outcome] = deliver(catcher.url, envelope(email))
    assert outcome == RefusedForGood("it is not an e-mail address", about_address=True)
    assert catcher.caught() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"values": {}}, "'driving_licence_expires' is undefined"),
        ({"values": {"driving_licence_expires": "soon"}}, "Invalid isoformat string"),
        ({"template": "none"}, "there is no template none"),
    ],
)
def test_a_message_that_cannot_be_rendered_is_refused_alone(changes, reason):
    with MailCatcher() as catcher:
        wrong, right = deliver(catcher.url, envelope(**changes), envelope())
    assert isinstance(wrong, InputRefused)
    assert reason in str(wrong)
    assert right == Delivered()


def test_a_message_that_cannot_be_composed_fails_for_good():
    class Unfoldable:
        def render(self, *_):
            return Rendered("x\r\nBcc: eve@example.org", "x", "x")

    async def deliver_it(url):
        channel = EmailChannel(read_smtp_url(url), SENDER, Unfoldable)
        return await channel.deliver(envelope())

    with MailCatcher() as catcher:
        outcome = asyncio.run(deliver_it(catcher.url))
    assert outcome == RefusedForGood("a line break in the header Subject")
    assert catcher.caught() == []


def test_a_server_that_repeats_the_address_does_not_bring_it_into_the_record():
    with MailCatcher(answer_recipient=lambda address: f"550 5.1.1 <{address}> unknown") as catcher:
        [outcome] = deliver(catcher.url, envelope())
    assert outcome == RefusedForGood("550 5.1.1 <(the address)> unknown", about_address=True)


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "Portal",
        "no-reply@",
        "a@b.example, c@d.example",
        "Portal <x y@portal.example>",
        "=?utf-8?q?Portal=0D=0AReply-To=3A_eve?= <no-reply@portal.example>",
    ],
)
def test_a_sender_that_is_no_mailbox_is_a_wrong_setting(sender):
    with pytest.raises(SettingRefused, match="QUADRUPEL_MAIL_FROM is wrong"):
        read_sender(sender)
