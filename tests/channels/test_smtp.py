import asyncio
import socket

import pytest

from quadrupel.channels.smtp import Mail, SmtpConnections, SmtpServer, read_smtp_url
from quadrupel.core.channels import Delivered, RefusedForGood, RefusedForNow, Uncertain
from quadrupel.core.errors import ChannelUnavailable, SettingRefused

from .scripted_smtp import DROP, scripted_smtp

MAIL = Mail("no-reply@portal.example", "anna@example.org", b"Subject: x\r\n\r\nx\r\n.\r\n..\r\n")


def hand_over(url, *mails):
    async def all_of_them():
        connections = SmtpConnections(read_smtp_url(url))
        try:
            return [await connections.hand_over(mail) for mail in mails or (MAIL,)]
        finally:
            await connections.close()

    return asyncio.run(all_of_them())


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ({}, Delivered()),
        ({"MAIL": "451 4.3.0 later"}, RefusedForNow("451 4.3.0 later")),
        ({"MAIL": "552 5.3.4 too large"}, RefusedForGood("552 5.3.4 too large")),
        ({"RCPT": "450 4.2.0 greylisted"}, RefusedForNow("450 4.2.0 greylisted")),
        ({"RCPT": "452 4.2.2 full"}, RefusedForNow("452 4.2.2 full")),
        ({"RCPT": "550 no such user"}, RefusedForGood("550 no such user", about_address=True)),
        ({"RCPT": "550 5.1.1 none"}, RefusedForGood("550 5.1.1 none", about_address=True)),
        ({"RCPT": "551 not here"}, RefusedForGood("551 not here", about_address=True)),
        ({"RCPT": "553 bad name"}, RefusedForGood("553 bad name", about_address=True)),
        ({"RCPT": "550 5.7.1 policy"}, RefusedForGood("550 5.7.1 policy")),
        ({"RCPT": "554 5.7.1 relay denied"}, RefusedForGood("554 5.7.1 relay denied")),
        ({"DATA": "451 4.3.0 later"}, RefusedForNow("451 4.3.0 later")),
        ({"DATA": "554 no valid recipients"}, RefusedForGood("554 no valid recipients")),
        ({".": "451 4.7.1 later"}, RefusedForNow("451 4.7.1 later")),
        ({".": "550 5.7.0 spam"}, RefusedForGood("550 5.7.0 spam")),
        ({".": "554-5.6.0 two\r\n554 lines"}, RefusedForGood("554 5.6.0 two lines")),
    ],
)
def test_the_command_and_the_answer_decide_what_a_refusal_means(answers, outcome):
    with scripted_smtp(**answers) as server:
        assert hand_over(server.url) == [outcome]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"GREETING": "554 go away"}, "554 go away"),
        ({"GREETING": "421 too busy"}, "421 too busy"),
        ({"GREETING": DROP}, ""),
        ({"EHLO": DROP}, ""),
        ({"MAIL": "421 closing"}, "421 closing"),
        ({"MAIL": "550 your sender is not welcome"}, "550 your sender is not welcome"),
        ({"MAIL": DROP}, ""),
        ({"RCPT": "421 closing"}, "421 closing"),
        ({"RCPT": DROP}, ""),
        ({"DATA": "421 closing"}, "421 closing"),
        ({".": "421 closing"}, "421 closing"),
    ],
)
def test_a_server_that_takes_nothing_from_us_is_away(answers, reason):
    with scripted_smtp(**answers) as server, pytest.raises(ChannelUnavailable) as away:
        hand_over(server.url)
    assert f"127.0.0.1:{server.port}" in str(away.value)
    assert reason in str(away.value)


@pytest.mark.parametrize("answers", [{".": DROP}, {".": "gibberish"}])
def test_a_connection_lost_after_the_contents_leaves_it_open_whether_they_were_taken(answers):
    with scripted_smtp(**answers) as server:
        [outcome] = hand_over(server.url)
    assert isinstance(outcome, Uncertain)


def test_a_server_that_is_down_is_away():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ChannelUnavailable, match=f"the mail server 127.0.0.1:{port}: "):
            hand_over(f"smtp://127.0.0.1:{port}")


def test_a_host_without_address_is_away():
    with pytest.raises(ChannelUnavailable, match=r"nowhere\.invalid:25"):
        hand_over("smtp://nowhere.invalid:25")


def test_a_connection_serves_several_mails_also_after_a_refusal():
    with scripted_smtp() as server:
        assert hand_over(server.url, MAIL, MAIL) == [Delivered(), Delivered()]
        server.answers["RCPT"] = "550 no"
        assert hand_over(server.url, MAIL, MAIL)[1] == RefusedForGood("550 no", about_address=True)
        assert server.connections == 2
        assert server.commands[-5:] == ["RSET", "TIRED", "RCPT", "RSET", "QUIT"]


@pytest.mark.parametrize("tired", ["421 enough for one connection", DROP])
def test_a_connection_the_server_has_had_enough_of_is_replaced(tired):
    with scripted_smtp() as server:
        server.tired = tired
        assert hand_over(server.url, MAIL, MAIL, MAIL) == [Delivered()] * 3
        assert server.connections == 3


def test_an_address_beyond_ascii_needs_a_server_that_takes_it():
    mail = Mail(MAIL.sender, "анна@example.org", MAIL.contents, utf8=True)
    with scripted_smtp() as server:
        assert hand_over(server.url, mail) == [
            RefusedForGood("the mail server takes ASCII addresses only")
        ]
        server.answers["EHLO"] = "250-localhost\r\n250 SMTPUTF8"
        assert hand_over(server.url, mail) == [Delivered()]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail:25", SmtpServer("mail", 25)),
        ("smtps://mail:465", SmtpServer("mail", 465, tls=True)),
        ("smtp://mail:587?starttls=true", SmtpServer("mail", 587, starttls=True)),
        ("smtp://[::1]:25?starttls=false", SmtpServer("::1", 25)),
        (
            "smtps://us%40er:p%3A%2F@mail:465",
            SmtpServer("mail", 465, tls=True, user="us@er", password="p:/"),
        ),
        ("smtp://u:p@127.0.0.1:25", SmtpServer("127.0.0.1", 25, user="u", password="p")),
    ],
)
def test_a_mail_server_is_given_by_a_url(url, server):
    assert read_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail:25",
        "http://mail:25",
        "smtp://",
        "smtp://mail",
        "smtp://:25",
        "smtp://mail:0x19",
        "smtp://mail:99999",
        "smtp://mail:25?starttls=maybe",
        "smtp://mail:25?tls=true",
        "smtps://mail:465?starttls=true",
        "smtp://user:secret@mail.example.org:25",
        "smtp://mail:25?secret",
        *(f"smtps://user:{each}@mail:465" for each in ("secret/x", "secret#x", "x?secret")),
        *(f"smtps://user:{each}@mail:465" for each in ("25/secret", "25#secret", "25?secret")),
        *(f"smtps://user:{each}@mail:465" for each in ("[secret]", "secret]", "secret\u2100")),
    ],
)
def test_a_url_that_means_no_server_is_a_wrong_setting_whose_password_is_not_told(url):
    with pytest.raises(SettingRefused, match="QUADRUPEL_SMTP_URL is wrong") as refused:
        read_smtp_url(url)
    assert "secret" not in str(refused.value)
