"""A year of nights that evaluate only who is due, beside a full evaluation of every day.

Synthetic citizens live through a year: their events come on the day they happen and are evaluated
at once, as by the stages; every night evaluates the users that are due. After it, what is published
of every user is what the row reading says of the whole population on that day: the rules that hold,
since when, what they show, and the banners without those that citizens dismissed: for good, or for
some days. Those that must be shown stay.

A population of 5,000 is `YEAR_USERS=5000`, which takes some 20 to 30 minutes; by default it is
smaller.
"""

import os
import random
import shutil
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path

import pytest

from quadrupel.bootstrap_stages import evaluate
from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core.arbitration import arbitrate
from quadrupel.core.feedback import Action, Given, feedback_event
from quadrupel.core.matches import Match
from quadrupel.core.ports import Message
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.population import events
from quadrupel.rules import catalogue
from quadrupel.rules.offered import offers
from quadrupel.rules.row import RowReading
from quadrupel.stages.evaluate import EvaluateProfiles
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.pages import Pages
from quadrupel.stages.publish import Publish
from quadrupel.store import published, run_users, schema
from quadrupel.store.database import open_engine, transaction
from quadrupel.store.range_pages import Part
from quadrupel.store.rule_numbers import RuleNumbers

USERS = int(os.environ.get("YEAR_USERS", "30"))
START = date(2026, 11, 23)
DAYS = 366
REOPEN_DAYS = 7
FLAPPING = '''
"""It holds by fits and starts: gaps of 3 days are the same episode, gaps of 8 are not."""
owner = "portal"
banner = Banner(placement="main", priority=1, link="/x", title={"en": "Again", "ru": "Опять"})
def matches(user, today):
    return user.sex == "female" and (today - user.birth_date) % 23 in [0, 1, 5, 14]
examples = [
    match(today="2026-11-23", birth_date="2026-11-18", sex="female"),
    no_match(today="2026-11-23", birth_date="2026-11-21", sex="female"),
    unknown(today="2026-11-23"),
]
'''
PAUSING = '''
"""It holds for weeks, and who dismisses it is shown it again after 9 days."""
owner = "portal"
banner = Banner(
    placement="sidebar", priority=100, link="/x", title={"en": "Again", "ru": "Опять"},
    dismiss_for=days(9),
)
def matches(user, today):
    return (today - user.birth_date) % 90 < 60
examples = [
    match(today="2026-11-23", birth_date="2026-11-18"),
    no_match(today="2026-11-23", birth_date="2026-09-18"),
    unknown(today="2026-11-23"),
]
'''
DONE = (Action.DISMISSED, Action.SEEN)
DISMISS_FOR = {"pausing": 9}
"""For how many days, where a rule says so; else for the episode."""
END = START + timedelta(days=DAYS)


class Portal:
    """The stages on a database, and beside them a fold and the row reading in memory."""

    def __init__(self, engine, rules):
        self.engine, self.rules = engine, rules
        self.offsets = count()
        self.today = START
        self.ingest = Ingest(engine, lambda: declared(rules.schema), self.now)
        asked = evaluate.asked(rules)
        self.evaluate = EvaluateProfiles(engine, lambda: asked, lambda _: self.today, self.now)
        self.catalogue = offers(rules)
        self.publish = Publish(engine, lambda _: self.catalogue, self.now, REOPEN_DAYS)
        with transaction(engine) as connection:
            self.pages = Pages(rules, RuleNumbers().of(connection, rules.rules))
        self.feeds, self.reading = Feeds(rules.schema), RowReading(rules)
        self.profiles = {}
        self.open = defaultdict(dict)
        self.ended = {}
        self.dismissed = {}
        self.chance = random.Random(11)
        self.returns = self.kept_away = self.back = 0
        self.evaluated = 0

    def now(self):
        """In the evening, when all that happened today has happened."""
        return datetime.combine(self.today, time(22), UTC)

    def delivered(self, outgoing, topic):
        chosen = [each for each in outgoing if each.topic == topic]
        return [
            Message(topic, 0, next(self.offsets), each.key, each.value, self.now())
            for each in chosen
        ]

    def happen(self, facts):
        """Events of today come, and what follows from them is published at once."""
        for start in range(0, len(facts), 5000):
            part = facts[start : start + 5000]
            sent = [
                Message(topics.EVENTS, 0, next(self.offsets), b"", encode_event(fact), self.now())
                for fact in part
            ]
            outgoing = self.ingest.process(sent)
            assert not self.delivered(outgoing, topics.DEAD_LETTERS)
            self.publish_all(self.evaluate.process(self.delivered(outgoing, topics.PROFILES)))
        for fact in facts:
            profile = self.profiles.setdefault(fact.subject, Profile(fact.subject))
            fold(profile, arrived([fact], self.today), self.feeds)

    def dismiss(self):
        """A few of the banners that citizens are shown are dismissed, and some others seen."""
        with transaction(self.engine) as connection:
            states = published.states(connection, list(self.profiles))
        facts = []
        for user_id, state in sorted(states.items()):
            for banner in state.published.banners if state.published else ():
                action = self.chance.choices([None, *DONE], [0.96, 0.02, 0.02])[0]
                if action is None:
                    continue
                given = Given(banner.rule, banner.episode, action, self.now())
                facts.append(feedback_event(user_id, given))
                if action is Action.DISMISSED:
                    self.dismissed[user_id, banner.rule, banner.episode] = self.today
        self.happen(facts)

    def shown(self, user_id, matches):
        """The matches whose banners were not dismissed, or long enough ago."""
        kept = []
        for match in matches:
            on = self.dismissed.get((user_id, match.rule, match.episode))
            days = DISMISS_FOR.get(match.rule)
            is_back = on and days is not None and self.today >= on + timedelta(days=days)
            stays = on and self.rules.rules[match.rule].banner.must_show
            if on is None or is_back or stays:
                kept.append(match)
                self.back += bool(is_back)
        self.kept_away += len(matches) - len(kept)
        return kept

    def publish_all(self, verdicts):
        messages = self.delivered(verdicts, topics.VERDICTS)
        for start in range(0, len(messages), 2000):
            again = self.publish.process(messages[start : start + 2000])
            assert not self.delivered(again, topics.PROFILES)

    def night(self):
        """Evaluate who is due, and nobody else."""
        with transaction(self.engine) as connection:
            due = run_users.due_days(connection, self.today)
            page = self.pages.page(connection, Part(due=due), 10 * USERS)
        read = self.pages.read(page, self.today, self.now())
        self.evaluated += read.counts.evaluated
        self.publish_all([codec.verdicts(each) for each in read.evaluations])

    def expected(self):
        """What a full evaluation of the day says, by user: the open matches and the banners."""
        for user_id, profile in self.profiles.items():
            verdicts = self.reading.evaluation(user_id, 1, profile.values, self.today, self.now())
            before, now = self.open[user_id], {}
            for found in verdicts.matches:
                known = before.get(found.rule)
                if known and found.once_per in (None, known.episode):
                    episode, since = known.episode, known.opened_on
                else:
                    episode = found.once_per or self.began(user_id, found.rule)
                    since = self.today
                now[found.rule] = Match(found.rule, episode, since, found.values)
            for rule in before.keys() - now.keys():
                self.ended[user_id, rule] = before[rule].episode, self.today
            self.open[user_id] = now
            matches = list(now.values())
            yield user_id, matches, arbitrate(user_id, self.shown(user_id, matches), self.catalogue)

    def began(self, user_id, rule):
        """The episode of a match that opens today: the last one, if that ended shortly before."""
        episode, ended_on = self.ended.get((user_id, rule), (None, date.min))
        if self.today - ended_on <= timedelta(days=REOPEN_DAYS):
            self.returns += 1
            return episode
        return self.today.isoformat()

    def check(self):
        with transaction(self.engine) as connection:
            states = published.states(connection, list(self.profiles))
        for user_id, matches, banners in self.expected():
            state = states[user_id]
            found = {match.rule: match for match in state.open_matches}
            assert found == {match.rule: match for match in matches}, (user_id, self.today)
            assert state.published.banners == banners, (user_id, self.today)
            assert state.published.due_on > self.today


@pytest.fixture
def rules(tmp_path):
    """The shipped rules, one that flaps, as hardly any of them does within a year, and one that
    says for how long it may be dismissed."""
    folder = tmp_path / "rules"
    shutil.copytree(Path(__file__).parents[2] / "rules", folder)
    (folder / "notices" / "flapping.py").write_text(FLAPPING)
    (folder / "notices" / "pausing.py").write_text(PAUSING)
    return catalogue.load(folder)


@pytest.fixture
def portal(shared_url, rules):
    engine = open_engine(shared_url)
    with transaction(engine) as connection:
        schema.apply(connection, rules.schema, datetime.now(UTC))
    yield Portal(engine, rules)
    engine.dispose()


@pytest.mark.timeout(3_600)
def test_a_year_of_due_nights_is_a_year_of_full_evaluations(portal):
    by_day = defaultdict(list)
    for event in events(USERS, 11, END):
        by_day[max(event.time.date(), START)].append(event)
    for number in range(DAYS):
        portal.today = START + timedelta(days=number)
        portal.night()
        portal.check()  # a match may hold between the night and an event of the day
        portal.happen(by_day[portal.today])
        portal.dismiss()
        portal.check()
    # Nights that evaluate everybody would prove nothing, nor would matches that never return, or
    # banners that nobody dismisses or that are never back.
    assert 0 < portal.evaluated < 0.5 * DAYS * USERS
    assert portal.returns > USERS
    assert portal.kept_away > 10 * USERS
    assert portal.back > USERS
