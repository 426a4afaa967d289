from datetime import UTC, datetime

from quadrupel.core.outages import FAILURES, LONGEST_PAUSE, PROBES, SHORTEST_PAUSE, Outages

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def out(at=NOW):
    outages = Outages()
    for _ in range(FAILURES):
        outages.failed("email", at)
    return outages


def test_a_channel_that_never_failed_takes_everything():
    outages = Outages()
    assert not outages.is_out("email", NOW)
    assert outages.allowance("email", NOW, 200) == 200
    assert outages.back_at("email", NOW) == NOW


def test_a_few_failures_are_not_an_outage():
    outages = Outages()
    assert not any(outages.failed("email", NOW) for _ in range(FAILURES - 1))
    assert outages.allowance("email", NOW, 200) == 200


def test_failures_between_answers_are_not_an_outage():
    outages = Outages()
    for _ in range(10 * FAILURES):
        outages.failed("email", NOW)
        outages.answered("email")
    assert not outages.is_out("email", NOW)


def test_failures_in_a_row_are_an_outage_that_is_announced_once():
    outages = Outages()
    announced = [outages.failed("email", NOW) for _ in range(2 * FAILURES)]
    assert announced.index(True) == FAILURES - 1
    assert announced.count(True) == 1
    assert outages.is_out("email", NOW)
    assert outages.allowance("email", NOW, 200) == 0
    assert outages.back_at("email", NOW) == NOW + SHORTEST_PAUSE


def test_one_channel_that_is_out_leaves_the_others_alone():
    assert out().allowance("webhook:crm", NOW, 200) == 200


def test_after_the_pause_a_few_messages_try():
    assert out().allowance("email", NOW + SHORTEST_PAUSE, 200) == PROBES


def test_an_answer_ends_the_outage():
    outages = out()
    outages.answered("email")
    assert outages.allowance("email", NOW, 200) == 200


def test_the_pause_doubles_up_to_a_limit_while_the_channel_stays_away():
    outages, now, pauses = out(), NOW, []
    for _ in range(10):
        pauses.append(outages.back_at("email", now) - now)
        now = outages.back_at("email", now)
        for _ in range(PROBES):
            outages.failed("email", now)
    assert pauses[:4] == [SHORTEST_PAUSE * factor for factor in (1, 2, 4, 8)]
    assert pauses[-1] == LONGEST_PAUSE
