"""What is old enough is removed in the night, and nothing else."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from structlog.testing import capture_logs

from quadrupel import bootstrap
from quadrupel.bootstrap_stages.schedule import run as run_schedule
from quadrupel.config import read_settings
from quadrupel.core.looks import Look, LookAt
from quadrupel.core.mailings import Audience, Mailing, MailingState
from quadrupel.stages.schedule import Schedule, nightly
from quadrupel.stages.upkeep import forget_lists, forget_looks
from quadrupel.store import looks, mailings
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def look(age: timedelta, user="anna"):
    return Look(user, NOW - age, "k1", "r1", "desk", LookAt.BANNERS)


def left(engine):
    with transaction(engine) as connection:
        return [NOW - each.at for each in looks.find(connection)]


def test_looks_are_forgotten_when_they_are_old_enough(engine):
    ages = [timedelta(days=400), timedelta(days=380, minutes=1), timedelta(days=365, seconds=1)]
    young = [timedelta(days=365), timedelta(0)]
    with transaction(engine) as connection:
        looks.save(connection, [look(age, user) for age in ages + young for user in ("a", "b")])
    before = NOW - timedelta(days=365)
    assert forget_looks(engine, before, threading.Event()) == 6
    assert left(engine) == [young[1], young[1], young[0], young[0]]
    assert forget_looks(engine, before, threading.Event()) == 0


def test_where_there_are_none_nothing_is_done(engine):
    assert forget_looks(engine, NOW, threading.Event()) == 0


def test_a_stage_that_is_to_stop_leaves_the_rest_for_the_next_night(engine):
    with transaction(engine) as connection:
        looks.save(connection, [look(timedelta(days=400))])
    stop = threading.Event()
    stop.set()
    assert forget_looks(engine, NOW, stop) == 0
    assert len(left(engine)) == 1


def test_a_list_of_users_goes_in_however_many_transactions(engine):
    planned = Mailing(
        name="spring",
        audience=Audience(users=True),
        channel="email",
        template="news",
        rate=50,
        state=MailingState.PLANNED,
        as_of=NOW.date(),
        audience_size=5,
        cursor=None,
        queued=0,
        created_at=NOW,
        updated_at=NOW,
    )
    with transaction(engine) as connection:
        mailings.create(connection, planned)
        mailings.add_users(connection, "spring", ["a", "b", "c", "d", "e"])
        mailings.move(connection, "spring", [MailingState.PLANNED], MailingState.CANCELLED, NOW)
    stopped = threading.Event()
    stopped.set()
    assert forget_lists(engine, stopped, 2) == 0
    assert forget_lists(engine, threading.Event(), 2) == 5
    assert forget_lists(engine, threading.Event()) == 0


def test_a_database_that_is_away_is_said_and_harms_nobody():
    away = sa.create_engine("postgresql+psycopg://127.0.0.1:1/none")
    with capture_logs() as logs:
        assert forget_looks(away, NOW, threading.Event()) == 0
        assert forget_lists(away, threading.Event()) == 0
    assert [each["log_level"] for each in logs] == ["warning", "warning"]


class Idle(Schedule):
    """One that starts no runs."""

    def step(self):
        pass


def test_it_is_called_for_at_the_start_and_in_the_night(engine):
    """With a night that begins in some seconds, as the scheduler's own clock tells it."""
    called, stop, zone = threading.Semaphore(0), threading.Event(), ZoneInfo("UTC")
    at = (datetime.now(zone) + timedelta(seconds=5)).time().replace(microsecond=0)

    def upkeep(stopped):
        assert stopped is stop
        called.release()

    schedule = Idle(engine, None, lambda: None, 10, at, zone, upkeep=upkeep)
    running = threading.Thread(target=schedule.run, args=(stop,))
    running.start()
    try:
        assert called.acquire(timeout=30)
        assert called.acquire(timeout=30)
    finally:
        stop.set()
        running.join()


def test_a_night_comes_once_a_day_at_its_time_in_its_zone():
    trigger, now, came = nightly(clock_time(2, 30, 15), ZoneInfo("Europe/Moscow")), NOW, []
    for _ in range(3):
        now = trigger.get_next_fire_time(now, now)
        came.append(now)
    first = datetime(2026, 11, 23, 23, 30, 15, tzinfo=UTC)
    assert came == [first + timedelta(days=n) for n in range(3)]


def test_whoever_ran_the_schedule_is_left_nothing_that_goes_on(engine):
    began, stop, ended = threading.Event(), threading.Event(), []

    def upkeep(stopped):
        began.set()
        stopped.wait(30)
        time.sleep(0.3)
        ended.append(time.monotonic())

    at = datetime.now(UTC).time().replace(microsecond=0)
    schedule = Idle(engine, None, lambda: None, 10, at, ZoneInfo("UTC"), upkeep=upkeep)
    running = threading.Thread(target=schedule.run, args=(stop,))
    running.start()
    assert began.wait(30)
    stop.set()
    running.join(30)
    assert len(ended) == 1


def test_the_stage_forgets_what_is_older_than_the_setting(engine, migrated_url):
    settings = read_settings(database_url=migrated_url, audit_days=365)
    bootstrap.set_up(settings)
    old, young = NOW - timedelta(days=800), datetime.now(UTC) - timedelta(days=364)
    with transaction(engine) as connection:
        looks.save(connection, [replace(look(timedelta(0)), at=at) for at in (old, young)])
    stop = threading.Event()
    running = threading.Thread(target=run_schedule, args=(settings, stop))
    running.start()
    try:
        deadline = time.monotonic() + 60
        while len(left(engine)) > 1 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        stop.set()
        running.join()
    with transaction(engine) as connection:
        assert [each.at for each in looks.find(connection)] == [young]
