"""When a group has been silent for too long, by tables of what happened and when."""

import pytest

from quadrupel.bus.silence import Silence

COORDINATOR, ANSWER = 30.0, 150.0

found = lambda at: lambda silence: silence.coordinator(at, found=True)  # noqa: E731
looked = lambda at: lambda silence: silence.coordinator(at, found=False)  # noqa: E731
asked = lambda at: lambda silence: silence.asked(at)  # noqa: E731
answered = Silence.answered
excused = lambda at: lambda silence: silence.excused(at)  # noqa: E731

TABLE = [
    ("nothing was asked", [], 10_000, None),
    ("a coordinator was found", [found(0)], 10_000, None),
    ("the coordinator is looked for", [looked(0)], 30, None),
    ("it was looked for too long", [looked(0)], 31, "found no coordinator for 31 s"),
    ("looking again is no news", [looked(0), looked(20)], 31, "found no coordinator for 31 s"),
    ("it was found meanwhile", [looked(0), found(20), looked(29)], 31, None),
    ("a commit waits for a rebalance", [found(0), asked(0)], 150, None),
    ("a commit waits for ever", [found(0), asked(0)], 151, "had no answer to a commit for 151 s"),
    (
        "one more commit is no news",
        [asked(0), asked(99)],
        151,
        "had no answer to a commit for 151 s",
    ),
    ("the commit was answered", [asked(0), answered], 10_000, None),
    ("a later one is counted anew", [asked(0), answered, asked(100)], 151, None),
    ("the brokers were away", [looked(0), asked(0), excused(60)], 90, None),
    ("and came back to no avail", [looked(0), excused(60)], 91, "found no coordinator for 31 s"),
    ("that they were away begins nothing", [excused(0)], 10_000, None),
]


@pytest.mark.parametrize(("_", "happened", "now", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_a_silence_is_too_long_by_what_happened_and_when(_, happened, now, expected):
    silence = Silence(COORDINATOR, ANSWER)
    for event in happened:
        event(silence)
    assert silence.too_long(now) == expected
