"""`quadrupel run`: who is evaluated, what a dry run says, and what verifying finds."""

import json
import shutil
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from quadrupel.bus import topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.cli import output
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.population import events
from quadrupel.rules import catalogue
from quadrupel.rules.offered import offers
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.pages import Pages
from quadrupel.stages.publish import Publish
from quadrupel.store import database
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.rule_numbers import RuleNumbers

SHIPPED = Path(__file__).parents[2] / "rules"
DAY = date(2026, 11, 23)
CITIZENS = 40
REOPEN_DAYS = 7
ERRING = '''
"""It errs on whoever was born before the years of the calendar, but for women."""
owner = "portal"
banner = Banner(placement="main", priority=1, link="/x", title={"en": "New", "ru": "Новое"})
def matches(user, today):
    return user.sex == "female" or is_holiday(user.birth_date)
examples = [
    match(today="2026-11-23", sex="female"),
    no_match(today="2026-11-23", sex="male", birth_date="2026-11-21"),
    unknown(today="2026-11-23"),
]
'''


@pytest.fixture
def portal(quadrupel, database_url):
    """A portal without citizens."""
    for command in (("db", "migrate"), ("profile", "apply"), ("bus", "create")):
        assert quadrupel(*command, database_url=database_url).code == 0
    return quadrupel


class Town:
    """Forty synthetic citizens, whose nights go through the stages by rules that can be edited."""

    def __init__(self, portal, url, folder):
        self.portal, self.url, self.folder = portal, url, folder

    def run(self, day, *flags):
        """Call `run start` for a day; what it says."""
        options = ("--as-of", str(day), "--future", "--json", *flags)
        called = self.portal("run", "start", *options, rules=self.folder)
        assert called.code == 0, called.err
        return json.loads(called.out)

    def night(self, day, *flags):
        """A run from its start to its last verdict published; its name."""
        [run] = self.run(day, *flags)
        rules, engine = catalogue.load(self.folder), database.open_engine(self.url)
        with database.transaction(engine) as connection:
            numbers = RuleNumbers().of(connection, rules.rules)
        publish = Publish(engine, lambda _: offers(rules), reopen_days=REOPEN_DAYS)
        with (
            closing(PostgresBus(self.url)) as bus,
            closing(bus.producer()) as producer,
            closing(bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)) as ranges,
            closing(bus.consumer(topics.VERDICTS, topics.PUBLISH_GROUP)) as verdicts,
        ):
            pages = Pages(rules, numbers)
            lane = EvaluateRanges(engine, lambda _: pages, producer, ranges, "one")
            for consumer, process in ((ranges, lane.process), (verdicts, publish.process)):
                while batch := consumer.poll(1_000, 0.2):
                    process(batch)
                    consumer.commit()
        engine.dispose()
        return run["run"]

    def ask(self, query, *values):
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()

    def later(self):
        """Let a while go by, so that what was published before a run was surely before it."""
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE rule_sets SET published_at = published_at - interval '1 h'")

    def tables(self):
        """What every table of the database holds."""
        names = self.ask(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        query = "SELECT array_agg(rows::text ORDER BY rows::text) FROM {} AS rows"
        return {
            name: self.ask(sql.SQL(query).format(sql.Identifier(*name))) for name in sorted(names)
        }

    def shown(self):
        """What is published of each citizen, and since when."""
        query = (
            "SELECT user_id, published.banners::text, array_agg((rule, episode, shown)::text"
            "  ORDER BY rule, episode) FILTER (WHERE opened_on IS NOT NULL AND closed_on IS NULL)"
            " FROM published LEFT JOIN matches USING (user_id) GROUP BY 1, 2"
        )
        return {user_id: (banners, matches) for user_id, banners, matches in self.ask(query)}

    def messages(self):
        return Counter(channel for (channel,) in self.ask("SELECT channel FROM messages"))


@pytest.fixture
def town(portal, database_url, tmp_path):
    """The forty citizens, of whom nothing is published, and a copy of the shipped rules."""
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    schema = catalogue.load(folder).schema
    feeds, profiles = Feeds(schema), {}
    for event in events(CITIZENS, 1, DAY):
        profile = profiles.setdefault(event.subject, Profile(event.subject, 1))
        fold(profile, arrived([event], DAY), feeds)
    engine = database.open_engine(database_url)
    with database.transaction(engine) as connection:
        ProfileStore(schema).write(connection, [*profiles.values()], datetime.now(UTC))
    engine.dispose()
    return Town(portal, database_url, folder)


def check_what_a_dry_run_says(town, day, kind, *flags):
    """It is what the run then does. Returns it."""
    shown, sent = town.shown(), town.messages()
    said = town.run(day, "--dry-run", *flags)
    assert (town.shown(), town.messages()) == (shown, sent)
    run = town.night(day, *flags)
    [(did, evaluated, errors)] = town.ask(
        "SELECT kind, sum(evaluated), sum(errors) FROM runs JOIN run_ranges USING (run)"
        " WHERE run = %s GROUP BY kind",
        run,
    )
    assert (said["kind"], said["users"]) == (did, evaluated)
    assert did == kind
    assert sum(said["errors"].values()) == errors
    for word in ("opened", "closed"):
        query = sql.SQL("SELECT rule, count(*) FROM matches WHERE {}_on = %s GROUP BY rule")
        assert said[word] == dict(town.ask(query.format(sql.SQL(word)), day))
    after = town.shown()
    assert said["changed"] == sum(after[user] != shown.get(user) for user in after)
    assert said["messages"] == town.messages() - sent
    return said


def test_a_dry_run_says_what_the_run_then_does(town):
    said = check_what_a_dry_run_says(town, DAY, "full")
    assert said["users"] == CITIZENS
    assert said["messages"]["email"] > 0
    commonest = max(said["opened"], key=said["opened"].get)
    said = check_what_a_dry_run_says(town, DAY + timedelta(days=14), "due")
    assert 0 < said["users"] < CITIZENS
    assert min(sum(said[word].values()) for word in ("opened", "closed")) > 0
    script = town.folder / "transport" / "driving_licence_expiring.py"
    script.write_text(script.read_text().replace("months(1)", "months(120)"))
    [removed] = town.folder.glob(f"*/{commonest}.py")
    removed.unlink()
    town.later()
    said = check_what_a_dry_run_says(town, DAY + timedelta(days=15), "rules")
    assert said["opened"]["driving_licence_expiring"] > 0
    assert said["closed"][commonest] > 0
    verified = town.portal("run", "verify", "--as-of", str(DAY + timedelta(days=15)), "--json")
    assert verified.code == 0
    assert json.loads(verified.out)["users"] > 0


def test_a_wrong_banner_set_is_found_and_a_run_anew_puts_it_right(town):
    def verify():
        return town.portal("run", "verify", "--as-of", str(DAY), rules=town.folder)

    town.night(DAY)
    shown, sent = town.shown(), town.messages()
    emptied = "UPDATE published SET banners = '[]' WHERE banners <> '[]' RETURNING user_id"
    wrong = len(town.ask(emptied))
    assert verify().code == 1
    said = town.run(DAY, "--dry-run", "--anew")
    assert (said["kind"], said["users"], said["changed"]) == ("full", CITIZENS, wrong)
    assert (said["changed_rules"], said["messages"]) == ([], {})
    town.night(DAY, "--anew")
    assert verify().code == 0
    assert (town.shown(), town.messages()) == (shown, sent)


def test_a_dry_run_with_a_new_rule_writes_nothing_and_says_that_it_would_be_held(town):
    town.night(DAY)
    (town.folder / "notices" / "erring.py").write_text(ERRING)
    before, day = town.tables(), DAY + timedelta(days=1)
    said = town.run(day, "--dry-run")
    assert town.tables() == before
    assert (said["kind"], said["changed_rules"]) == ("rules", ["erring"])
    assert said["would_hold"].keys() == {"erring"}
    assert "errs on" in said["would_hold"]["erring"]
    assert said["errors"]["erring"] > 0
    assert "erring" not in said["opened"]
    options = ("--as-of", str(day), "--dry-run")
    in_words = town.portal("run", "start", *options).out
    assert f"rule erring would be held: it {said['would_hold']['erring']}" in in_words
    check_what_a_dry_run_says(town, day, "rules")
    assert town.ask("SELECT rule, said FROM rule_holds") == [*said["would_hold"].items()]
    assert town.run(day + timedelta(days=1), "--dry-run")["would_hold"] == {}


def test_a_dry_run_of_an_empty_portal_changes_nothing(portal):
    called = portal("run", "start", "--dry-run", "--json")
    assert called.code == 0
    assert json.loads(called.out)["users"] == 0


def test_verify_asks_for_a_run_first(portal):
    called = portal("run", "verify")
    assert called.code == 1
    assert "quadrupel run start --wait" in called.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "--sample", "0"), "greater than or equal to"),
        (("verify", "--sample", "many"), "valid int"),
        (("verify", "--seed", "-1"), "greater than or equal to"),
        (("verify", "--as-of", "2026-02-30"), "not a day"),
        (("start", "--dry-run", "--as-of", "tomorrow"), "not a day"),
    ],
)
def test_a_wrong_flag_is_named(quadrupel, arguments, says):
    called = quadrupel("run", *arguments)
    assert called.code == 2
    assert says in called.err


def test_a_run_over_nobody_covers_the_rules_and_then_nobody_differs(portal):
    assert portal("run", "start").code == 0
    called = portal("run", "verify", "--json")
    assert called.code == 0
    assert json.loads(called.out)["differences"] == []


def test_what_differs_is_shown_and_ends_with_1(portal, database_url, monkeypatch):
    monkeypatch.setattr(output.console, "width", 80)
    user = "c" * 64
    assert portal("run", "start").code == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO profiles (user_id, version, updated_at, fold_state, registered_at)"
            " VALUES (%s, 1, now(), '\\x010000', now())",
            [user],
        )
        connection.execute(
            "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
            " rule_set, banners, updated_at, due_on)"
            " VALUES (%s, 1, 1, '2026-11-01', now(), 'set', '[]', now(), '9999-12-31')",
            [user],
        )
    called = portal("run", "verify", "--json")
    assert called.code == 1
    [found] = json.loads(called.out)["differences"]
    assert (found["user_id"], found["rule"], found["published"]) == (user, "welcome", "no match")
    in_words = portal("run", "verify")
    assert any(user in line and "welcome" in line for line in in_words.out.splitlines())
    assert "1 verdicts and banners differ" in in_words.err
