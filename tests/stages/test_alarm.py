"""The alarm of one worker and of several, on a real database, told by hand what was bad."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from quadrupel.core.errors import DatabaseUnavailable, EventRefused, Halted
from quadrupel.core.ports import Message
from quadrupel.stages.alarm import Alarm
from quadrupel.store import halts
from quadrupel.store.database import transaction

from .conftest import NOW

BAD = EventRefused("not-json", "it is no JSON")


class Worker:
    """A worker whose batches are written as outcomes: `.` is a good event, `x` a bad one."""

    def __init__(self, engine, name="host:1"):
        self.now = NOW
        self.engine = engine
        self.alarm = Alarm(engine, "ingest", name, lambda: self.now)
        self.next_offset = 0

    def batch(self, outcomes, partitions=1):
        messages = [
            Message("quadrupel.events", number % partitions, number, b"k", b"", NOW)
            for number in range(self.next_offset, self.next_offset + len(outcomes))
        ]
        self.next_offset += len(outcomes)
        pairs = zip(messages, outcomes, strict=True)
        return messages, [(message, BAD) for message, outcome in pairs if outcome == "x"]

    def judge(self, batch):
        messages, refused = batch
        with self.alarm.judging(messages) as tell:
            tell(refused)

    def work(self, outcomes, size=1_000):
        """Judge in batches; the number of batches before the stage was halted, or None."""
        for number, start in enumerate(range(0, len(outcomes), size)):
            try:
                self.judge(self.batch(outcomes[start : start + size]))
            except Halted:
                return number
        return None

    def halted(self):
        self.now += timedelta(seconds=1)
        return self.alarm.halt()


@pytest.fixture
def worker(engine):
    return Worker(engine)


def halt_in(engine):
    with transaction(engine) as connection:
        return halts.find(connection, "ingest")


def resume(engine):
    with transaction(engine) as connection:
        halts.resume(connection, "ingest", NOW)


TABLE = [
    ("nothing bad", "." * 5_000, 500, None),
    ("a healthy share", "........." * 10 + "x" * 10, 10, None),
    ("99 in a row over batches", "x" * 99 + "." * 905 + "x" * 99 + ".", 7, None),
    ("a hundred in a row in one batch", "x" * 100, 100, 0),
    ("a hundred in a row over two batches", "." * 150 + "x" * 100, 200, 1),
    ("a hundred in a row over many batches", "." * 9 + "x" * 100, 10, 10),
    ("a hundred in a row, one by one", "x" * 100, 1, 99),
    ("a tenth of the last 1,000", "x........." * 300, 1_000, None),
    ("a tenth and one more", "x........." * 99 + "xx" + "x........." * 2, 1_000, 0),
    ("a fifth, in small batches", "x...." * 300, 50, 10),
    ("a fifth, in one large batch", "x...." * 300, 5_000, 0),
]


@pytest.mark.parametrize(("_", "outcomes", "size", "halted_in"), TABLE, ids=[t[0] for t in TABLE])
def test_batches_are_judged_as_one_stream(worker, _, outcomes, size, halted_in):
    assert worker.work(outcomes, size) == halted_in
    assert (halt_in(worker.engine) is None) == (halted_in is None)


def test_the_order_is_that_of_the_poll_whatever_the_partitions(worker):
    messages, refused = worker.batch("x" * 100, partitions=6)
    assert messages[0].partition != messages[1].partition
    with pytest.raises(Halted, match="100 messages in a row"):
        worker.judge((messages, refused))
    one_good_between = [*refused[:50], *refused[51:]]
    Worker(worker.engine).judge((messages, one_good_between))


def test_the_order_in_which_refusals_are_told_does_not_matter(worker):
    messages, refused = worker.batch("." + "x" * 60)
    worker.judge((messages, refused[::-1]))
    assert worker.work("x" * 39) is None
    assert worker.work("x") == 0


def test_a_halt_says_why_what_most_often_and_where(worker):
    worker.now += timedelta(hours=1)
    with pytest.raises(Halted) as halted:
        worker.judge(worker.batch("..." + "x" * 120))
    reason = (
        "100 messages in a row were bad, most often not-json, the last at quadrupel.events/0/102"
    )
    assert str(halted.value) == reason
    found = worker.halted()
    assert (found.reason, found.since, found.worker) == (reason, NOW + timedelta(hours=1), "host:1")


def test_a_batch_that_is_delivered_again_is_judged_once(worker):
    batch = worker.batch(".....x" * 10)
    for _ in range(50):
        worker.judge(batch)
    assert worker.work(".x" * 90) is None
    assert worker.work("x") == 0


def test_events_of_erased_users_are_no_garbage_and_no_reason(worker):
    kept_out = EventRefused("user-erased", "erased")
    messages, refused = worker.batch("x" * 500)
    worker.judge((messages, [(message, kept_out) for message, _ in refused]))
    assert halt_in(worker.engine) is None
    messages, refused = worker.batch("x" * 500)
    both = [(message, kept_out) for message, _ in refused[:400]] + refused[400:]
    with pytest.raises(Halted, match="most often not-json"):
        worker.judge((messages, both))


def test_a_batch_that_infrastructure_refused_does_not_count(worker):
    batch = messages, refused = worker.batch(".x" * 60)

    def fail():
        with worker.alarm.judging(messages) as tell:
            tell(refused)
            raise DatabaseUnavailable("away")

    for _ in range(20):
        with pytest.raises(DatabaseUnavailable):
            fail()
    worker.judge(batch)
    assert halt_in(worker.engine) is None


def test_a_batch_that_halted_the_stage_halts_it_again_when_the_row_could_not_be_written(worker):
    batch = worker.batch("x" * 100)
    with transaction(worker.engine) as connection:
        connection.execute(sa.text("ALTER TABLE halts RENAME TO gone"))
    with pytest.raises(sa.exc.ProgrammingError):
        worker.judge(batch)
    with transaction(worker.engine) as connection:
        connection.execute(sa.text("ALTER TABLE gone RENAME TO halts"))
    with pytest.raises(Halted):
        worker.judge(batch)


def test_every_worker_halts_and_one_that_starts_later_before_its_first_batch(worker):
    other = Worker(worker.engine, "host:2")
    assert other.halted() is None
    assert worker.work("x" * 100) == 0
    assert worker.alarm.halt() is not None
    assert other.alarm.halt() is None  # it looked within this second
    assert other.halted().worker == "host:1"
    assert Worker(worker.engine).alarm.halt() is not None


def test_the_database_is_asked_once_a_second(worker):
    asked = []
    sa.event.listen(worker.engine, "begin", lambda _: asked.append(1))
    for _ in range(1_000):
        worker.now += timedelta(milliseconds=10)
        assert worker.alarm.halt() is None
    assert 10 <= len(asked) <= 11


def test_another_stage_is_not_touched(worker):
    assert worker.work("x" * 100) == 0
    assert Alarm(worker.engine, "publish", "host:1", lambda: NOW).halt() is None


def test_after_a_resume_the_garbage_passes_through_every_worker(worker):
    other = Worker(worker.engine, "host:2")
    assert worker.work("x" * 100) == 0
    assert other.halted() is not None
    resume(worker.engine)
    for each in (worker, other, Worker(worker.engine, "host:3")):
        assert each.halted() is None
        assert each.work("x" * 5_000 + "x.") is None
        assert each.halted() is None


def test_the_alarm_is_armed_again_once_few_are_bad(worker):
    assert worker.work("x" * 100) == 0
    assert worker.halted() is not None
    resume(worker.engine)
    assert worker.halted() is None
    assert worker.work("x" * 3_000 + "." * 899) is None
    assert halt_in(worker.engine) is not None
    assert worker.work(".") is None
    assert halt_in(worker.engine) is None
    assert worker.halted() is None
    assert worker.work("x" * 100) == 0
    assert worker.halted() is not None


def test_a_worker_whose_halt_is_gone_lets_pass_even_if_another_is_healthy_already(worker):
    quick = Worker(worker.engine, "host:2")
    assert worker.work("x" * 100) == 0
    assert worker.halted() is not None
    resume(worker.engine)
    assert quick.halted() is None
    assert quick.work("." * 900) is None
    assert halt_in(worker.engine) is None
    assert worker.halted() is None
    assert worker.work("x" * 2_000) is None


def test_a_worker_that_finds_garbage_right_after_the_resume_lets_it_pass(worker):
    late = Worker(worker.engine, "host:2")
    assert late.halted() is None
    assert worker.work("x" * 100) == 0
    resume(worker.engine)
    batch = late.batch("x" * 100)
    with pytest.raises(Halted):
        late.judge(batch)
    assert late.halted() is None
    late.judge(batch)
