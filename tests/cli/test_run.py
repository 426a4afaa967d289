"""The commands of runs, on a real database, with the Postgres bus."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from quadrupel.bus import topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.attributes import Schema
from quadrupel.core.profiles import Profile
from quadrupel.core.runs import RangeCounts, RuleCounts
from quadrupel.store import run_ranges, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.tables import matches

RUN = "nightly-2026-11-23"
DAY = date(2026, 11, 23)
CLOSED = "postgresql://postgres@127.0.0.1:9/x"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr("quadrupel.cli.run_watch.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("quadrupel.cli.run_watch.LINE_SECONDS", 0.1)


@pytest.fixture
def night(quadrupel, migrated_url, engine):
    """A run over 25 users in three ranges: one is done, one is worked on, one waits."""
    assert quadrupel("bus", "create", database_url=migrated_url).code == 0
    now = datetime.now(UTC)
    with transaction(engine) as connection:
        users = [Profile(f"c{n:03}", 1) for n in range(25)]
        ProfileStore(Schema({})).write(connection, users, now)
        by = now + timedelta(hours=1)
        runs.start(connection, RUN, DAY, "set", 10, now - timedelta(minutes=1), deadline=by)
        taken = run_ranges.take(connection, RUN, 0, "host:1", now - timedelta(seconds=20))
        rules = {"birthday": RuleCounts(2, 4, 0.5), "first_vote": RuleCounts(0, 0, 1.5)}
        counts = RangeCounts(10, 4, 2, 10, 2**64 - 1, rules)
        assert run_ranges.finish(connection, taken, counts, "other", now - timedelta(seconds=10))
        run_ranges.take(connection, RUN, 1, "[red]host:2", now - timedelta(seconds=5))
        opened = {"opened_on": DAY, "shown": {}, "episode": ""}
        for user, closed_on in (("c001", None), ("c002", DAY)):
            row = {"user_id": user, "rule": "birthday", "closed_on": closed_on, **opened}
            connection.execute(matches.insert().values(row))
    return quadrupel


def end(engine, state="cancelled"):
    with transaction(engine) as connection:
        runs.cancel(connection, RUN, datetime.now(UTC))


def told(called):
    assert called.code == 0, called.err
    found = json.loads(called.out)
    return found[0] if isinstance(found, list) else found


def test_the_status_says_how_far_how_fast_and_whether_in_time(night):
    out = night("run", "status").out
    for words in (
        "running", "1 of 3", "10 of 25 users", "users/s", "in time", "(1 ranges by other rules)",
        "ffffffffffffffff",
    ):  # fmt: skip
        assert words in out, out
    run = told(night("run", "status", RUN, "--json"))
    assert (run["evaluated"], run["users"], run["in_time"]) == (10, 25, True)
    assert 0 < run["users_per_second"] < 1
    assert run["expected_end"] > run["created_at"]


def test_a_run_is_shown_with_rules_matches_and_ranges(night):
    called = night("run", "show", RUN, "--ranges")
    for words in ("all users, no gap, no overlap", "birthday", "first_vote", "75%", "[red]host:2"):
        assert words in called.out, called.out
    run = told(night("run", "show", RUN, "--ranges", "--json"))
    assert run["bad_seams"] == []
    assert run["matches"] == {"birthday": {"opened": 2, "closed": 1}}
    assert run["rules"]["birthday"] == {"errors": 2, "matched": 4, "seconds": 0.5}
    assert [each["state"] for each in run["range_list"]] == ["done", "running", "pending"]
    assert "range_list" not in told(night("run", "show", RUN, "--json"))


def test_runs_are_listed_newest_first(night):
    assert RUN in night("run", "list").out
    assert told(night("run", "list", "--json"))["run"] == RUN


def test_a_run_is_paused_resumed_slowed_down_and_cancelled(night, migrated_url):
    assert f"quadrupel run resume {RUN}" in night("run", "pause", RUN).out
    assert told(night("run", "status", "--json"))["state"] == "paused"
    assert "when it is resumed" in night("run", "status").out
    assert night("run", "resume", RUN).out == f"run {RUN} goes on\n"
    bus = PostgresBus(migrated_url)
    assert len(list(bus.admin().browse(topics.RANGES))) == 1
    bus.close()
    assert "does 500 users/s at most" in night("run", "rate", RUN, "500").out
    assert told(night("run", "rate", RUN, "none", "--json"))["rate"] is None
    assert told(night("run", "cancel", RUN, "--json"))["state"] == "cancelled"


def test_a_run_is_watched_on_no_terminal_line_by_line_until_it_ends(night, engine):
    end(engine)
    out = night("run", "watch").out
    assert out.startswith(f"{RUN} is cancelled, 10 of 25 users")
    [line] = night("run", "watch", RUN, "--json").out.splitlines()
    assert json.loads(line)["details"]["matches"]["birthday"]["opened"] == 2


def test_watching_ends_by_ctrl_c_and_the_run_goes_on(night, migrated_url, engine):
    watching = subprocess.Popen(
        [sys.executable, "-m", "quadrupel", "run", "watch"],
        env=os.environ | {"QUADRUPEL_DATABASE_URL": migrated_url, "FORCE_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    shown = ""
    while not ("host:2" in shown and "opened" in shown):
        shown += watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=20)
    assert watching.returncode == 0
    assert f"quadrupel run watch {RUN}" in re.sub(r"\x1b\[[0-9;]*m", "", said).replace("\n", " ")
    with transaction(engine) as connection:
        assert runs.progress(connection, RUN).state == "running"


REFUSED = [
    (("start", "--rate", "0"), 2, "greater than or equal to 1"),
    (("start", "--rate", "fast"), 2, "should be a valid integer"),
    (("start", "--rate", "99999999999999999999"), 2, "less than or equal to 1000000"),
    (("start", "--by", "25:00"), 2, "'25:00' is not a time of day; write HH:MM"),
    (("start", "--by", "7"), 2, "is not a time of day"),
    (("start", "--by", "07:00+03:00"), 2, "is not a time of day"),
    (("start", "--as-of", "tomorrow"), 2, "is not a day"),
    (("start", "--as-of", "9999-12-31"), 1, "use --future"),
    (("rate", RUN, "0"), 2, "'0' is neither a number"),
    (("rate", RUN, "1e3"), 2, "is neither a number"),
    (("rate", RUN, "²"), 2, "is neither a number"),
    (("rate", RUN, "000000000199999999999999999999"), 2, "is neither a number"),
    (("rate", RUN, "9" * 5000), 2, "is neither a number"),
    (("rate", RUN), 2, "Missing argument"),
    (("rate", "nothing", "5"), 1, "no run nothing; `quadrupel run list` shows the latest"),
    (("status", "nothing"), 1, "no run nothing"),
    (("show", "nothing"), 1, "no run nothing"),
    (("watch", "nothing"), 1, "no run nothing"),
    (("pause", "[red]; DROP TABLE runs"), 1, "no run [red]; DROP TABLE runs"),
    (("resume", "nothing"), 1, "no run nothing"),
    (("cancel", "nothing"), 1, "no run nothing"),
    (("resume", RUN), 1, f"run {RUN} is running already"),
    (("list", "--limit", "0"), 2, "greater than or equal to 1"),
]


def test_what_is_wrong_is_refused(night):
    for arguments, code, says in REFUSED:
        called = night("run", *arguments)
        said = re.sub(r"[│\s]+", " ", called.err)
        assert (called.code, says in said) == (code, True), (arguments, called)


ENDED = [("pause",), ("resume",), ("cancel",), ("rate", "5")]


@pytest.mark.parametrize("command", ENDED)
def test_a_run_that_has_ended_stays_as_it_is(night, engine, command):
    end(engine)
    called = night("run", command[0], RUN, *command[1:])
    assert called.code == 1
    assert f"run {RUN} is cancelled already" in called.err


def test_without_a_run_there_is_nothing_to_watch(quadrupel, migrated_url):
    called = quadrupel("run", "watch", database_url=migrated_url)
    assert (called.code, "there was no run yet" in called.err) == (1, True)


def test_a_database_that_is_away_is_told(quadrupel):
    called = quadrupel("run", "watch", RUN, database_url=CLOSED)
    assert (called.code, "the database did not answer" in called.err) == (1, True)
