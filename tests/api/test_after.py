"""Tokens for reading one's own write, and what hostile ones come to."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.api.after import MAX_USERS, read_token, write_token
from quadrupel.core.errors import InputRefused
from quadrupel.core.positions import Position

GOOD = write_token({"u1": Position(3, 7)})


def test_a_token_is_reached_when_the_set_contains_the_users_last_event() -> None:
    after = read_token(GOOD)
    for contained, reached in (
        (Position(3, 7), True),
        (Position(3, 8), True),
        (Position(3, 6), False),
        (Position(2, 8), False),
        (None, False),
    ):
        assert after.is_reached("u1", contained) is reached


def test_a_token_says_nothing_of_other_users() -> None:
    assert read_token(GOOD).is_reached("u2", None)
    assert read_token(write_token({})).is_reached("u1", None)


def test_each_user_of_a_request_has_its_own_event() -> None:
    after = read_token(write_token({f"u{n}": Position(n % 6, n) for n in range(MAX_USERS)}))
    for number in range(MAX_USERS):
        assert after.is_reached(f"u{number}", Position(number % 6, number))
        assert number == 0 or not after.is_reached(f"u{number}", Position(number % 6, number - 1))


def test_a_token_fits_a_url_and_there_is_none_for_too_many_users() -> None:
    most = {f"u{n}": Position(2**31 - 1, 2**63 - 1) for n in range(MAX_USERS)}
    token = write_token(most)
    assert len(GOOD) == 28
    assert len(token) < 2048
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert read_token(token).is_reached("u5", most["u5"])
    assert write_token(most | {"one more": Position(0, 0)}) is None


def token_of(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


HOSTILE = {
    "empty": "",
    "a letter": "A",
    "cut off": GOOD[:-1],
    "cut off in front": GOOD[1:],
    "longer": GOOD + "A",
    "padded": GOOD + "=",
    "padded with more": GOOD + "====",
    "version 0": token_of(b"\x00" + bytes(20)),
    "version 2": token_of(b"\x02" + bytes(20)),
    "no base64": "!" * 28,
    "standard base64": "AQ" + "+/" * 13,
    "with a space": GOOD[:5] + " " + GOOD[5:],
    "with a line break": GOOD + "\n",
    "with a NUL": GOOD + "\0",
    "Cyrillic": "ъ" * 28,
    "half a surrogate pair": "\ud800" * 28,
    "10 KB": "A" * 10_240,
    "10 KB that are well formed": token_of(b"\x01" + bytes(20) * 384),
    "65 users": token_of(b"\x01" + bytes(20) * 65),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_token_is_refused(kind: str) -> None:
    with pytest.raises(InputRefused) as refused:
        read_token(HOSTILE[kind])
    assert refused.value.reason == "bad-token"
    assert len(refused.value.detail) < 100


def test_a_made_up_token_of_a_user_is_never_reached_and_breaks_nothing() -> None:
    forged = bytearray(21)
    forged[:9] = b"\x01" + read_hash("u1")
    for numbers in (b"\xff" * 12, b"\x80" + bytes(11), b"\x00" * 4 + b"\xff" * 8):
        forged[9:] = numbers
        assert not read_token(token_of(bytes(forged))).is_reached("u1", Position(0, 2**62))


def read_hash(user_id: str) -> bytes:
    [hashed] = read_token(write_token({user_id: Position(0, 0)})).positions
    return hashed


@given(st.text(max_size=100) | st.binary(max_size=200).map(token_of))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    try:
        read_token(text).is_reached("u1", Position(0, 0))
    except InputRefused as refused:
        assert refused.reason == "bad-token"  # noqa: PT017 - whether it is raised depends on the text
