"""The channels of send, and the templates that e-mails are written by."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from quadrupel.bootstrap_stages.send import open_channels
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.config import read_settings
from quadrupel.core.channels import Delivered, Envelope
from quadrupel.core.contacts import EMAIL, Contact
from quadrupel.core.errors import InputRefused
from quadrupel.core.messages import Message, MessageKey
from quadrupel.rules import live

SHIPPED = Path(__file__).parents[2] / "rules"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    shutil.copy(SHIPPED / "profile.py", tmp_path)
    shutil.copytree(SHIPPED / "templates", tmp_path / "templates", ignore=lambda *_: ["birthday"])
    return tmp_path


@pytest.fixture
def caught():
    with MailCatcher() as catcher:
        yield catcher


@pytest.fixture
def deliver(folder, caught, monkeypatch):
    """Hands a birthday's e-mail to the channel of e-mails, long after the last one."""
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.0)
    channel = open_channels(read_settings(rules=folder, smtp_url=caught.url))[EMAIL]
    contact = Contact("anna", "anna@example.org", "en", {EMAIL: True})
    message = Message(MessageKey("anna", "rule:birthday", "2026", EMAIL), "birthday", {})
    with asyncio.Runner() as runner:
        yield lambda: runner.run(channel.deliver(Envelope(message, contact, NOW, NOW)))
        runner.run(channel.close())


def put_in_place(folder):
    shutil.copytree(SHIPPED / "templates" / "birthday", folder / "templates" / "birthday")


def test_a_template_that_is_put_in_place_later_is_used_without_a_restart(deliver, folder, caught):
    with pytest.raises(InputRefused, match="there is no template birthday"):
        deliver()
    put_in_place(folder)
    assert deliver() == Delivered()
    assert [mail.subject for mail in caught.caught()] == ["Happy birthday!"]


def test_wrong_templates_leave_the_old_ones_in_force_until_they_are_right(deliver, folder, caught):
    put_in_place(folder)
    subject = folder / "templates" / "birthday" / "subject.en.txt"
    with structlog.testing.capture_logs() as logs:
        for text in ("Happy {{ birthday!", "Many happy returns!"):
            deliver()
            subject.write_text(text)
        deliver()
        shutil.rmtree(folder / "templates")
        deliver()
    assert [mail.subject for mail in caught.caught()] == [
        "Happy birthday!",
        "Happy birthday!",
        "Many happy returns!",
        "Many happy returns!",
    ]
    wrong = "templates changed and are wrong, the old ones stay"
    assert [each["event"] for each in logs] == [
        "templates reloaded", wrong, "templates reloaded", wrong
    ]  # fmt: skip
    assert "subject.en.txt:1" in logs[1]["problems"]
