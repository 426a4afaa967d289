from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.core.channels import (
    MAX_ERROR,
    Delivered,
    RefusedForGood,
    RefusedForNow,
    Settlement,
    Uncertain,
    settle,
)
from quadrupel.core.messages import RETRY_DELAYS, MessageState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "settlement"),
    [
        (Delivered(), Settlement(MessageState.SENT)),
        (Uncertain("lost"), Settlement(MessageState.UNKNOWN, "lost")),
        (RefusedForGood("550 no"), Settlement(MessageState.FAILED, "550 no")),
        (
            RefusedForNow("451 later"),
            Settlement(MessageState.RETRY, "451 later", NOW + timedelta(seconds=30)),
        ),
    ],
)
def test_an_outcome_decides_the_state_of_its_message(outcome, settlement):
    assert settle(outcome, 1, NOW) == settlement


def test_each_refusal_waits_longer_and_the_one_after_the_last_delay_gives_up():
    states = [settle(RefusedForNow("no"), attempt, NOW) for attempt in range(1, 9)]
    waits = [each.next_attempt_at - NOW for each in states[:-1]]
    assert waits == list(RETRY_DELAYS)
    assert states[-1] == Settlement(MessageState.FAILED, "given up after 8 attempts: no")


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (timedelta(seconds=1), timedelta(seconds=30)),
        (timedelta(minutes=10), timedelta(minutes=10)),
        (timedelta(days=1000), timedelta(days=1)),
    ],
)
def test_a_channel_may_ask_for_more_time_but_not_for_less_or_for_ever(retry_after, wait):
    assert settle(RefusedForNow("no", retry_after), 1, NOW).next_attempt_at == NOW + wait


def test_a_long_answer_is_cut():
    assert len(settle(RefusedForGood("x" * 10_000), 1, NOW).error) == MAX_ERROR


@pytest.mark.parametrize(
    "answer",
    [
        b"550 \xcd\xe5\xf2 \xf2\xe0\xea\xee\xe3\xee".decode("utf-8", "surrogateescape"),  # cp1251
        "550 no\0such user",
        "\ud800",
    ],
)
def test_an_answer_is_kept_whatever_it_is_made_of(answer):
    outcomes = (RefusedForNow(answer), RefusedForGood(answer), Uncertain(answer))
    for error in [settle(each, attempt, NOW).error for each in outcomes for attempt in (1, 8)]:
        assert "\0" not in error
        assert error.encode()
    assert settle(RefusedForGood(answer), 1, NOW).error[:3] == answer[:3].replace("\ud800", "?")


def test_an_answer_in_letters_is_kept_as_it_is():
    assert settle(RefusedForGood("550 Нет такого адреса"), 1, NOW).error == "550 Нет такого адреса"
