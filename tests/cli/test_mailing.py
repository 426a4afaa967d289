import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from quadrupel import bootstrap
from quadrupel.bus import message_codec, topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.cli import output
from quadrupel.config import read_settings
from quadrupel.core.contacts import Contact
from quadrupel.core.profiles import Profile
from quadrupel.store import contacts
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
USERS = 60
PLAN = ("mailing", "plan", "spring", "--template", "service_announcement")
SHIPPED = Path(__file__).parents[2] / "rules"
OLD = ("--where", "age(user.birth_date) >= 65")
TEN_QUEUED = "SELECT count(*) FROM mailings WHERE queued >= 10"


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """What these tests name of the shipped rules: every command reads all there are."""
    folder = tmp_path_factory.mktemp("portal") / "rules"
    for name in ("profile.py", "placements.py", "holidays.txt", "templates/layout.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHIPPED / name, folder / name)
    for name in ("service_announcement", "fine_discount_ending", "birthday"):
        shutil.copytree(SHIPPED / "templates" / name, folder / "templates" / name)
    (folder / "notices").mkdir()
    shutil.copy(SHIPPED / "notices" / "birthday.py", folder / "notices")
    return folder


@pytest.fixture(scope="module")
def portal_template(postgres_url, migrated_template, rules):
    """A database to copy: 60 citizens; every third is 70, the others 30; one in two consents."""
    name = f"portal_{uuid.uuid4().hex}"
    url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
        populate(url, rules)
        yield name
        server.execute(f"DROP DATABASE {name}")


def populate(url, rules):
    settings = read_settings(database_url=url, rules=rules, partitions=3)
    bootstrap.set_up(settings)
    profiles = [
        Profile(
            f"user{number:02}", 1, {"birth_date": date(1956 if number % 3 == 0 else 1996, 5, 1)}
        )
        for number in range(USERS)
    ]
    known = [
        Contact(each.user_id, f"{each.user_id}@example.org", "ru", {"email": index % 2 == 0})
        for index, each in enumerate(profiles)
    ]
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        ProfileStore(bootstrap.load_rules(settings).schema).write(connection, profiles, NOW)
        contacts.save(connection, known, NOW)


@pytest.fixture
def portal_url(postgres_url, portal_template):
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {portal_template}")
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def portal(quadrupel, portal_url, rules):
    """The command line on a database of its own, with the citizens of the template."""
    quadrupel("--help", database_url=portal_url, partitions=3, rules=rules)
    return quadrupel


@pytest.fixture
def csv(tmp_path):
    def write(content):
        path = tmp_path / "users.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def published(url):
    with contextlib.closing(PostgresBus(url)) as bus:
        found = bus.admin().browse(topics.MESSAGES)
        return Counter(message_codec.read_message(each).user_id for each in found)


def status(portal, name="spring"):
    [found] = json.loads(portal("mailing", "status", name, "--json").out)
    return found


def test_a_dry_run_counts_shows_samples_and_stores_nothing(portal):
    planned = portal(*PLAN, *OLD, "--dry-run", "--as-of", "2026-11-23", "--json")
    fields = json.loads(planned.out)
    assert fields["stored"] is False
    assert (fields["recipients"], fields["reachable"]) == (20, 10)
    assert fields["obstacles"] == {"no consent": 10}
    assert [each["user_id"] for each in fields["samples"]] == ["user00", "user03"]
    assert fields["samples"][0]["subject"] == "Новости портала"
    assert json.loads(portal("mailing", "status", "--json").out) == []
    words = portal(*PLAN, *OLD, "--dry-run").out
    assert "20  recipients" in words
    assert "10  of them will not be sent to: no consent" in words
    assert "a dry run: nothing is stored" in words


def test_a_mailing_is_planned_confirmed_and_sent(portal, portal_url):
    planned = portal(*PLAN, *OLD, "--rate", "1000", "--as-of", "2026-11-23")
    assert planned.code == 0
    assert "to send it: quadrupel mailing send spring --confirm spring" in planned.out
    assert published(portal_url) == {}
    for arguments in ((), ("--confirm", "sprign")):
        asked = portal("mailing", "send", "spring", *arguments)
        assert asked.code == 1
        assert "sends service_announcement to up to 20 users" in asked.err
        assert "quadrupel mailing send spring --confirm spring" in asked.err
    sent = portal("mailing", "send", "spring", "--confirm", "spring")
    assert (sent.code, sent.out) == (0, "mailing spring is done: 20 on their way\n")
    assert set(published(portal_url)) == {f"user{number:02}" for number in range(0, USERS, 3)}
    found = status(portal)
    assert (found["state"], found["queued"], found["audience_size"]) == ("done", 20, 20)
    assert found["messages"] == {"pending": 20}
    again = portal("mailing", "send", "spring", "--confirm", "spring")
    assert again.code == 1
    assert "mailing spring is done, not planned or sending" in again.err


def test_a_mailing_whose_template_is_gone_is_not_begun(portal, portal_url):
    portal(*PLAN, *OLD)
    with psycopg.connect(portal_url) as connection:
        connection.execute("UPDATE mailings SET template = 'gone'")
    refused = portal("mailing", "send", "spring", "--confirm", "spring")
    assert "there is no template gone" in refused.err
    assert status(portal)["state"] == "planned"


def test_a_table_shows_an_expression_as_it_is(portal):
    expression = 'user.orders["bold"].count == 0 and user.sex in ["male"]'
    portal(*PLAN, "--where", expression)
    assert expression in portal("mailing", "status").out


def test_a_rule_chooses_its_users(portal):
    fields = json.loads(portal(*PLAN, "--rule", "birthday", "--as-of", "2027-05-01", "--json").out)
    assert fields["stored"] is True
    assert fields["recipients"] == USERS
    assert status(portal)["audience"] == "rule birthday"


def test_a_list_reaches_its_users_once_each(portal, portal_url, csv):
    file = csv("user_id\nuser01\nuser01\nstranger\nuser00\n")
    planned = portal(*PLAN, "--users", file, "--rate", "1000")
    assert "1 rows repeat a user; nobody is sent to twice" in planned.err
    assert "3  recipients" in planned.out
    assert "1  of them will not be sent to: no address" in planned.out
    assert portal("mailing", "send", "spring", "--confirm", "spring").code == 0
    assert published(portal_url) == {"stranger": 1, "user00": 1, "user01": 1}


def test_a_dry_run_of_a_list_stores_nothing(portal, portal_url, csv):
    assert portal(*PLAN, "--users", csv("user_id\nuser01\n"), "--dry-run").code == 0
    with psycopg.connect(portal_url) as connection:
        assert connection.execute("SELECT count(*) FROM mailing_users").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM mailings").fetchone() == (0,)


def test_a_piped_list_has_the_whole_name_of_a_mailing(portal, monkeypatch):
    monkeypatch.setattr(output.console, "width", 80)
    name = "spring-" * 9 + "1"
    portal("mailing", "plan", name, *PLAN[3:], *OLD)
    assert any(name in line for line in portal("mailing", "status").out.splitlines())


def test_the_rate_of_a_mailing_is_changed_until_it_is_over(portal):
    assert "50 messages/s at most" in portal(*PLAN, *OLD).out
    assert portal("mailing", "rate", "spring", "1000").out == (
        "mailing spring sends 1,000 messages/s at most\n"
    )
    assert status(portal)["rate"] == 1_000
    portal("mailing", "cancel", "spring")
    refused = portal("mailing", "rate", "spring", "5")
    assert (refused.code, status(portal)["rate"]) == (1, 1_000)
    assert "mailing spring is cancelled: it sends no more" in refused.err


def test_a_paused_mailing_is_resumed_and_a_cancelled_one_is_not(portal):
    portal(*PLAN, *OLD)
    refused = portal("mailing", "pause", "spring")
    assert "mailing spring is planned, not sending" in refused.err
    assert "mailing spring is planned" in portal("mailing", "resume", "spring").err
    cancelled = portal("mailing", "cancel", "spring")
    assert cancelled.out == "mailing spring is cancelled; 0 messages were taken back\n"
    assert portal("mailing", "cancel", "spring").code == 0
    assert "is cancelled" in portal("mailing", "send", "spring", "--confirm", "spring").err
    assert "is cancelled" in portal("mailing", "resume", "spring").err


ONE = ("--users", "USERS")
WRONG = [
    (("plan", "s", *ONE), 2, "--template"),
    (("plan", "spring", "--template", "service_announcement"), 2, "name one of --rule, --where"),
    ((*PLAN[1:], *OLD, "--rule", "birthday"), 2, "name one of --rule, --where and --users"),
    ((*PLAN[1:], "--rule", "birthdya"), 1, "there is no rule birthdya; did you mean birthday?"),
    ((*PLAN[1:], "--where", "user.birth_dat > today"), 2, "^"),
    ((*PLAN[1:], "--where", "age(user.birth_date) >="), 2, "^"),
    ((*PLAN[1:], "--where", "age(user.birth_date)"), 2, "expression:1:1"),
    ((*PLAN[1:], "--where", ""), 2, "this is not one expression"),
    ((*PLAN[1:], *OLD, "--rate", "0"), 2, "should be greater than or equal to 1"),
    ((*PLAN[1:], *OLD, "--rate", "many"), 2, "should be a valid integer"),
    ((*PLAN[1:], *OLD, "--as-of", "2026-02-30"), 2, "not a day"),
    ((*PLAN[1:], *OLD, "--channel", "pigeon"), 1, "there is no channel 'pigeon'; there are email"),
    ((*PLAN[1:], *OLD, "--channel", "webhook:crm"), 1, "there is no channel 'webhook:crm'"),
    (("plan", "spring", "--template", "none", *OLD), 1, "there is no template none; there are"),
    (("plan", "Spring!", *PLAN[3:], *OLD), 1, "a mailing's name is 2 to 64 of"),
    (("plan", "s", *PLAN[3:], *OLD), 1, "a mailing's name is 2 to 64 of"),
    ((*PLAN[1:], "--users", "nowhere.csv"), 1, "nowhere.csv"),
    (("send", "autumn"), 1, "there is no mailing autumn"),
    (("send", "autumn", "--confirm", "autumn"), 1, "there is no mailing autumn"),
    (("resume", "autumn"), 1, "there is no mailing autumn"),
    (("pause", "autumn"), 1, "there is no mailing autumn"),
    (("cancel", "autumn"), 1, "there is no mailing autumn"),
    (("rate", "autumn", "5"), 1, "there is no mailing autumn"),
    (("rate", "autumn", "0"), 2, "should be greater than or equal to 1"),
    (("rate", "autumn", "none"), 2, "should be a valid integer"),
    (("rate", "autumn"), 2, "Missing argument 'N'"),
    (("status", "autumn"), 1, "there is no mailing autumn"),
]
FILES = [
    ("", "the first line must be user_id, it is 'nothing'"),
    ("user_id\n", "there are no users in it"),
    ("id\nuser01\n", "the first line must be user_id, it is 'id'"),
    ("user_id,email\nuser01,a@example.org\n", "it is 'user_id,email'"),
    ("user_id\nuser01\na b\n" + "x" * 65 + "\n", "2 of 3 rows are wrong, so none was taken"),
    ("user_id\nuser01\n\u0434\n", "users.csv:3: a user id is 1 to 64 of the characters"),
    (b"user_id\n\xff\n", "users.csv: it is not UTF-8; save it as CSV in UTF-8"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), WRONG)
def test_what_cannot_be_is_refused_and_nothing_is_kept(portal, arguments, code, says):
    called = portal("mailing", *arguments)
    assert says in called.err
    assert called.code == code
    assert "Traceback" not in called.err
    assert json.loads(portal("mailing", "status", "--json").out) == []


@pytest.mark.parametrize("name", ["recent_fines", "orders"])
def test_a_template_that_shows_what_has_no_text_is_refused(portal, rules, tmp_path, name):
    edited = shutil.copytree(rules, tmp_path / "rules")
    for path in (edited / "templates" / "service_announcement").glob("subject.*"):
        path.write_text("{{ " + name + " }}")
    called = portal(*PLAN, *OLD, rules=edited)
    assert called.code == 1
    assert f"service_announcement shows {name}, which has no text" in called.err


@pytest.mark.parametrize(("content", "says"), FILES)
def test_a_list_that_is_none_is_refused_and_nothing_is_kept(portal, csv, content, says):
    called = portal(*PLAN, "--users", csv(content))
    assert says in called.err
    assert called.code == 1
    assert json.loads(portal("mailing", "status", "--json").out) == []


def test_a_name_is_used_once(portal, csv):
    assert portal(*PLAN, *OLD).code == 0
    for audience in (OLD, ("--users", csv("user_id\nuser01\n"))):
        again = portal(*PLAN, *audience)
        assert again.code == 1
        assert "there is a mailing spring already" in again.err


def test_users_who_lack_what_the_template_shows_are_counted_and_left_out(portal):
    fields = json.loads(
        portal("mailing", "plan", "fines", "--template", "fine_discount_ending", *OLD, "--json").out
    )
    assert (fields["recipients"], fields["incomplete"]) == (0, 20)


class Sender:
    """`quadrupel mailing ...` as its own process."""

    def __init__(self, url, rules, *arguments):
        environment = {
            **{name: value for name, value in os.environ.items() if "QUADRUPEL" not in name},
            "QUADRUPEL_DATABASE_URL": url,
            "QUADRUPEL_PARTITIONS": "3",
            "QUADRUPEL_RULES": str(rules),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "quadrupel", "mailing", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, number):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


def wait_until_it_sends(url, seconds=30.0):
    """Until ten messages are on their way. Asks the database: commands would slow the sender."""
    end = time.monotonic() + seconds
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(TEN_QUEUED).fetchone() == (0,):
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_sender_that_is_ended_goes_on_and_nobody_gets_two(portal, portal_url, rules, number):
    portal(*PLAN, "--where", "True", "--rate", "10")
    sender = Sender(portal_url, rules, "send", "spring", "--confirm", "spring")
    wait_until_it_sends(portal_url)
    second = portal("mailing", "send", "spring", "--confirm", "spring")
    assert "being sent by another process right now" in second.err
    code, _, err = sender.end(number)
    found = status(portal)
    assert 0 < found["queued"] < USERS
    if number == signal.SIGKILL:
        assert found["state"] == "sending"
    else:
        assert code == 1
        assert "to go on: quadrupel mailing resume spring" in err
        assert found["state"] == "paused"
    with psycopg.connect(portal_url) as connection:
        connection.execute("UPDATE mailings SET rate = 1000")
    resumed = portal("mailing", "resume", "spring")
    assert (resumed.code, resumed.out) == (0, "mailing spring is done: 60 on their way\n")
    assert status(portal)["messages"] == {"pending": USERS}
    assert set(published(portal_url)) == {f"user{number:02}" for number in range(USERS)}


@pytest.mark.parametrize("word", ["pause", "cancel"])
def test_a_sender_is_stopped_from_another_terminal(portal, portal_url, rules, word):
    portal(*PLAN, "--where", "True", "--rate", "10")
    sender = Sender(portal_url, rules, "send", "spring", "--confirm", "spring")
    wait_until_it_sends(portal_url)
    assert portal("mailing", word, "spring").code == 0
    out, _ = sender.process.communicate(timeout=30)
    assert sender.process.returncode == 1
    assert f"mailing spring is {word}" in out
    found = status(portal)
    assert 0 < found["queued"] < USERS
    if word == "cancel":
        assert found["messages"] == {"cancelled": found["queued"]}
