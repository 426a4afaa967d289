import smtplib
import socket

import pytest

from quadrupel.channels.mail_catcher import MailCatcher


def send(catcher, *recipients):
    with smtplib.SMTP(catcher.host, catcher.port) as client:
        contents = b"Subject: =?utf-8?b?0J/QuNGB0YzQvNC+?=\r\n\r\ntext\r\n"
        client.sendmail("a@example.org", recipients, contents)


def test_mails_are_kept_by_recipient_and_told_of():
    told = []
    with MailCatcher(on_mail=told.append) as catcher:
        send(catcher, "anna@example.org")
        send(catcher, "boris@example.org", "anna@example.org")
        assert catcher.wait_for(2, "anna@example.org")
        assert not catcher.wait_for(4, seconds=0.01)
    assert [mail.subject for mail in catcher.caught("anna@example.org")] == ["Письмо"] * 2
    assert catcher.caught()[0].text == "text\n"
    assert catcher.caught()[0].html == ""
    assert told == catcher.caught()


def test_only_the_last_mails_are_kept():
    with MailCatcher(keep=2) as catcher:
        for number in range(4):
            send(catcher, f"user{number}@example.org")
    assert [mail.recipient for mail in catcher.caught()] == [
        "user2@example.org",
        "user3@example.org",
    ]


def test_it_can_refuse_a_recipient_or_the_contents():
    with (
        MailCatcher(answer_recipient=lambda _: "550 no") as catcher,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        send(catcher, "anna@example.org")
    with (
        MailCatcher(answer_contents=lambda _: "451 later") as catcher,
        pytest.raises(smtplib.SMTPDataError),
    ):
        send(catcher, "anna@example.org")
    assert catcher.caught() == []


def test_a_taken_port_is_an_error_that_leaves_no_thread():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        catcher = MailCatcher(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            catcher.start()
    assert not catcher._thread.is_alive()


def test_it_stops_while_a_client_is_connected():
    catcher = MailCatcher()
    catcher.start()
    with socket.create_connection((catcher.host, catcher.port)) as client:
        client.recv(100)
        catcher.stop()
