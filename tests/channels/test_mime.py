"""What is composed here is read back by the standard library, and must be what went in."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quadrupel.channels.email import read_address, read_sender
from quadrupel.channels.mime import compose, header
from quadrupel.channels.templates import Rendered
from quadrupel.core.messages import MessageKey

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = MessageKey("anna", "rule:birthday", "once", "email")
SENDER = read_sender("Портал «Услуги» <no-reply@portal.example>")
ANNA = read_address("anna@example.org")

printable = st.characters(exclude_categories=("C", "Zl", "Zp"))
subjects = st.text(printable, min_size=1, max_size=250).map(
    lambda text: " ".join(text.split()) or "x"
)
bodies = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\r\n.=- "))


LINK = "https://api.portal.example/v1/unsubscribe/" + "aB3-_." * 60


def composed(subject="x", text="x", html="x", to=ANNA, sender=SENDER, unsubscribe=""):
    return compose(sender, to, Rendered(subject, text, html), KEY, NOW, unsubscribe)


@settings(deadline=None)
@given(subjects, bodies, bodies)
@example("Ж" * 250, "ж" * 5_000 + "\n.\n..\nFrom x\n", "<p>" + "x" * 5_000)
@example("=?utf-8?b?eA==?=", f"--=_{KEY.digest}--\n=20\n \t\n", "")
@example("Hello =?utf-8?q?hello?= and =? (Ж)", "", "")
@example("=?utf-8?q?" + "x" * 239, "", "")
def test_a_mail_is_read_back_as_it_was_composed(subject, text, html):
    contents = composed(subject, text, html)
    message = message_from_bytes(contents, policy=default)
    assert message.defects == []
    assert message["Subject"] == subject
    assert message.get_body(("plain",)).get_content().splitlines() == (text.splitlines() or [""])
    assert message.get_body(("html",)).get_content().splitlines() == (html.splitlines() or [""])
    assert contents.isascii()
    assert max(map(len, contents.split(b"\r\n"))) < 998
    assert b"\n" not in contents.replace(b"\r\n", b"")
    assert b"\r" not in contents.replace(b"\r\n", b"")


def test_its_headers_are_those_of_an_automatic_mail():
    message = message_from_bytes(composed(), policy=default)
    assert dict(message.items()) == {
        "From": "Портал «Услуги» <no-reply@portal.example>",
        "To": "anna@example.org",
        "Subject": "x",
        "Date": "Mon, 23 Nov 2026 12:00:00 +0000",
        "Message-ID": f"<{KEY.digest}@portal.example>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="=_{KEY.digest}"',
    }
    assert message.get_content_type() == "multipart/alternative"


def test_a_mail_that_can_be_refused_says_how_with_one_request():
    contents = composed(unsubscribe=LINK)
    message = message_from_bytes(contents, policy=default)
    assert message.defects == []
    assert message["List-Unsubscribe"] == f"<{LINK}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"\r\nList-Unsubscribe: <{LINK}>\r\n".encode() in contents, "not folded"
    assert max(map(len, contents.split(b"\r\n"))) < 998
    assert "List-Unsubscribe" not in message_from_bytes(composed(), policy=default)


@pytest.mark.parametrize(
    "link",
    [
        f"{LINK}\r\nBcc: eve@example.org",
        f"{LINK}\n",
        f"{LINK}>, <mailto:eve@example.org",
        f"{LINK} x",
        f"{LINK}\0",
        f"{LINK}ж",
        f"https://portal.example/{'x' * 900}",
        "mailto:eve@example.org",
        "javascript:alert(1)",
    ],
)
def test_a_link_that_is_more_than_one_never_reaches_a_header(link):
    with pytest.raises(ValueError, match="the header List-Unsubscribe takes"):
        composed(unsubscribe=link)


def test_equal_messages_are_equal_bytes():
    assert composed() == composed()


def test_an_address_beyond_ascii_stands_as_it_is():
    contents = composed(to=read_address("анна@пример.рф"))
    assert "\r\nTo: анна@пример.рф\r\n".encode() in contents


@pytest.mark.parametrize("subject", ["x\r\nBcc: eve@example.org", "x\nx", "x\rx"])
def test_a_line_break_never_reaches_a_header(subject):
    with pytest.raises(ValueError, match="a line break in the header Subject"):
        composed(subject)


def test_what_looks_encoded_in_a_subject_is_text_like_any_other():
    hostile = (
        "Your =?utf-8?q?passport=0D=0AReply-To:_eve@x.example=0D=0AContent-Type:_text/html"
        "=0D=0A=0D=0A<b>pay_here</b>?= is ready"
    )
    message = message_from_bytes(composed(hostile), policy=default)
    assert message["Subject"] == hostile
    assert message.keys() == message_from_bytes(composed(), policy=default).keys()
    assert message.get_body(("plain",)).get_content().splitlines() == ["x"]


@pytest.mark.parametrize("name", ["Subject", "From"])
@pytest.mark.parametrize("breaks", ["=0D=0A", "=0A", "=0D", "=0D=0A_=0D=0A_"])
def test_a_line_break_encoded_in_a_header_is_refused(name, breaks):
    with pytest.raises(ValueError, match=r"line break|CR or LF"):
        header(name, f"=?utf-8?q?x{breaks}Reply-To:_eve?= <eve@x.example>")
