"""What a POST to a link that refuses e-mails may bring."""

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quadrupel.api.unsubscribe_bodies import CHOICES, PARTS, read_choice
from quadrupel.core.errors import InputRefused

from .routes import FORM
from .unsubscribe_links import ONE_CLICK, RULE, known, link, post, refused


def parts(*fields: tuple[str, str], boundary: str = "x-1") -> tuple[bytes, str]:
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    return f"{body}--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


GOOD_BODIES = {
    "a form": (ONE_CLICK, FORM),
    "a form with a charset": (ONE_CLICK, f"{FORM}; charset=UTF-8"),
    "an escaped form": (b"List%2DUnsubscribe=One%2dClick", FORM),
    "parts": parts(("List-Unsubscribe", "One-Click")),
    "parts with a quoted boundary": (
        parts(("List-Unsubscribe", "One-Click"), boundary="a b'()+_,./:=?")[0],
        'multipart/form-data; boundary="a b\'()+_,./:=?"',
    ),
    "parts in other words": (
        b"--x\r\ncontent-disposition:form-data;name=List-Unsubscribe\r\n\r\nOne-Click\r\n--x--",
        "Multipart/Form-Data; charset=utf-8; Boundary=x",
    ),
    "parts with more around": (
        b"Ignored.\r\n--x \r\nContent-Type: text/plain\r\n"
        + parts(("List-Unsubscribe", "One-Click"), boundary="x")[0].removeprefix(b"--x\r\n")
        + b"Ignored, too.",
        "multipart/form-data; boundary=x",
    ),
}


@pytest.mark.parametrize(("body", "content_type"), GOOD_BODIES.values(), ids=GOOD_BODIES)
def test_one_click_comes_in_either_form(api, body: bytes, content_type: str) -> None:
    user = known(api)
    assert post(api, link(user, RULE), body, content_type).status_code == 200
    assert refused(api, user) == {RULE}


BAD_BODIES = {
    "nothing": (b"", FORM, 422),
    "another word": (b"List-Unsubscribe=Two-Clicks", FORM, 422),
    "another case": (b"list-unsubscribe=one-click", FORM, 422),
    "a word without a value": (b"refuse", FORM, 422),
    "an empty value": (b"refuse=", FORM, 422),
    "an unknown kind": (b"refuse=rule:summons", FORM, 422),
    "a user": (b"refuse=all&user_id=anna", FORM, 422),
    "two fields": (b"refuse=kind&allow=kind", FORM, 422),
    "one field twice": (b"refuse=kind&refuse=kind", FORM, 422),
    "an empty field beside it": (b"refuse=kind&x=", FORM, 422),
    "a file of zeros": (b"\0" * 100, FORM, 422),
    "not ASCII": ("refuse=все".encode(), FORM, 422),
    "not UTF-8, escaped": (b"refuse=%ff%fe", FORM, 422),
    "many fields": (b"a=1&" * 500, FORM, 422),
    "too long": (ONE_CLICK + b" " * 3000, FORM, 413),
    "JSON": (b'{"refuse": "all"}', "application/json", 415),
    "text": (b"refuse=all", "text/plain", 415),
    "no type": (ONE_CLICK, "", 415),
    "another charset": (ONE_CLICK, f"{FORM}; charset=utf-16", 415),
    "parts without a boundary": (parts(("refuse", "all"))[0], "multipart/form-data", 422),
    "parts of another boundary": (
        parts(("refuse", "all"))[0],
        "multipart/form-data; boundary=y",
        422,
    ),
    "no parts": (b"--x--\r\n", "multipart/form-data; boundary=x", 422),
    "a part without an end": (
        b'--x\r\nContent-Disposition: form-data; name="refuse"\r\n\r\nall',
        "multipart/form-data; boundary=x",
        422,
    ),
    "a part without a name": (
        b"--x\r\nContent-Disposition: form-data\r\n\r\nall\r\n--x--",
        "multipart/form-data; boundary=x",
        422,
    ),
    "a file": (
        b'--x\r\nContent-Disposition: form-data; name="refuse"; filename="a"\r\n\r\nall\r\n--x--',
        "multipart/form-data; boundary=x",
        422,
    ),
    "two parts": (*parts(("refuse", "all"), ("refuse", "all")), 422),
    "a part that is not ASCII": (*parts(("refuse", "все")), 422),
    "a part with two names": (
        b"--x\r\nContent-Disposition: form-data; name=refuse\r\n"
        + parts(("refuse", "all"), boundary="x")[0].removeprefix(b"--x\r\n"),
        "multipart/form-data; boundary=x",
        422,
    ),
    "a part that the parser of e-mails cannot take": (
        b"--x\r\nContent-Disposition: form-data;0*\r\n\r\nall\r\n--x--",
        "multipart/form-data; boundary=x",
        422,
    ),
    "nested parts": (
        b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 30,
        "multipart/form-data; boundary=x",
        422,
    ),
}


@pytest.mark.parametrize(("body", "content_type", "status"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_any_other_body_is_refused_and_changes_nothing(
    api, body: bytes, content_type: str, status: int
) -> None:
    user = known(api)
    response = post(api, link(user), body, content_type)
    assert response.status_code == status
    reasons = {413: "too-large", 415: "unsupported-media-type", 422: "wrong-choice"}
    assert response.json()["type"] == f"urn:quadrupel:problem:{reasons[status]}"
    assert user not in response.text
    assert refused(api, user) == set()


def test_a_compressed_body_is_refused(api) -> None:
    response = post(api, link(known(api)), ONE_CLICK, **{"content-encoding": "gzip"})
    assert response.status_code == 415


PIECES = (
    *("form-data", "boundary", "name", "filename", "refuse", "all", "x", "--x", "\r\n--x", "--"),
    *("multipart/form-data", "Content-Disposition: ", "Content-Type: ", "\r\n", "\n", " ", "\t"),
    *(";", "=", '"', "'", "*", "*0", "*0*", "utf-8''", "=?utf-8?q?", "?=", "%", "(", ")", "[", "<"),
    *("\\", "\0", "\xff", "\u0661".encode().decode("latin-1")),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@given(TEXTS, TEXTS, TEXTS)
@example("form-data)--butf-8''=?utf-8?q?=?=refuse;=?utf-8?q?=?=;--*", "all", "")
@example("form-data;" + "(" * 1500, "all", "")
def test_any_form_in_parts_is_a_choice_or_refused(disposition: str, value: str, more: str) -> None:
    part = f"--x\r\nContent-Disposition: {disposition}\r\n\r\n{value}\r\n--x--{more}"
    for body, content_type in (
        (part, "multipart/form-data; boundary=x"),
        (more, "multipart/form-data; boundary=x"),
        (part, f"multipart/form-data; boundary=x{more}"),
        (part, f"multipart/form-data;{more}"),
    ):
        with contextlib.suppress(InputRefused):
            assert read_choice(body.encode("latin-1"), PARTS, content_type) in CHOICES.values()


@pytest.mark.parametrize("piece", ["(a)", '"', "a;", ";", "; boundary=", " ", "boundary="])
def test_a_long_header_keeps_nobody_waiting(piece: str) -> None:
    body, content_type = parts(("refuse", "all"))
    began = time.thread_time()
    with contextlib.suppress(InputRefused):
        read_choice(body, PARTS, f"{content_type}; {piece * 5_000}")
    assert time.thread_time() - began < 0.3
