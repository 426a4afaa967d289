"""A portal of few citizens: what the stages publish of them, beside what the rows say, by day."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

from quadrupel.bootstrap_stages import evaluate
from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core.arbitration import arbitrate
from quadrupel.core.feedback import Action, Given, feedback_event
from quadrupel.core.matches import Match
from quadrupel.core.ports import Message
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.rules.offered import offers
from quadrupel.rules.row import RowReading
from quadrupel.stages.evaluate import EvaluateProfiles
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.pages import Pages
from quadrupel.stages.publish import Publish
from quadrupel.store import published, run_users
from quadrupel.store.database import transaction
from quadrupel.store.range_pages import Part
from quadrupel.store.rule_numbers import RuleNumbers

REOPEN_DAYS = 7
DONE = (Action.DISMISSED, Action.SEEN)


class Portal:
    """The stages on a database, and beside them a fold and the row reading in memory.

    `today` is to be set day by day. The counts tell what happened at all.
    """

    def __init__(self, engine, rules, today):
        self.engine, self.rules = engine, rules
        self.offsets = count()
        self.today = today
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
        self.evaluated = self.held = 0

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
            banner = self.rules.rules[match.rule].banner
            days = on and banner.dismiss_for
            is_back = days and self.today >= on + timedelta(days=days)
            stays = on and banner.must_show
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
            page = self.pages.page(connection, Part(due=due), 1 + len(self.profiles))
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
            for rule in before.keys() & set(verdicts.errors):
                now[rule] = before[rule]
            for rule in before.keys() - now.keys():
                self.ended[user_id, rule] = before[rule].episode, self.today
            self.open[user_id] = now
            self.held += len(now)
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
