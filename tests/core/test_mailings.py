import pytest

from quadrupel.core.errors import InputRefused
from quadrupel.core.mailings import MailingPace, check_name


@pytest.mark.parametrize("name", ["spring", "spring-2026_a", "42", "a" * 64])
def test_a_name_is_short_and_fits_a_command_line(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "a", "-spring", "spring-", "Spring", "a b", "a/b", "a:b", "весна", "a" * 65, "ab\n"],
)
def test_any_other_name_is_refused(name):
    with pytest.raises(InputRefused) as refused:
        check_name(name)
    assert refused.value.reason == "bad-name"


def test_a_pace_holds_its_rate_whatever_the_chunks():
    now, total, pace = 100.0, 0, MailingPace(50, 100.0)
    for count in (50, 1, 25, 50, 7) * 20:
        total += count
        now += pace.wait(count, now)
        assert total / (now - 100.0) <= 50 + 1e-9
    assert now == pytest.approx(100.0 + total / 50)


def test_a_pace_counts_the_time_the_work_took():
    pace = MailingPace(50, 0.0)
    assert pace.wait(50, 0.4) == pytest.approx(0.6)


def test_a_pace_never_catches_up_in_a_burst():
    pace = MailingPace(50, 0.0)
    assert pace.wait(50, 3600.0) == 0.0
    assert pace.wait(50, 3600.0) == pytest.approx(1.0)


def test_a_pace_takes_another_rate_from_the_next_chunk_on():
    pace = MailingPace(50, 0.0)
    assert pace.wait(50, 0.0) == pytest.approx(1.0)
    pace.rate = 200
    assert (pace.chunk, pace.wait(50, 1.0)) == (200, pytest.approx(0.25))
    pace.rate = 10
    assert (pace.chunk, pace.wait(50, 1.25)) == (10, pytest.approx(5.0))
