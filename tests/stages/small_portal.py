"""The stages around one database, by the small rules of conftest, which a test may change."""

from datetime import timedelta
from itertools import count

from quadrupel.bootstrap_stages.evaluate import asked
from quadrupel.bus import codec, topics
from quadrupel.core.guards import Objection, Reason, Trial
from quadrupel.core.ports import Message
from quadrupel.core.profiles import Profile
from quadrupel.core.zones import UTC_ZONE
from quadrupel.rules import catalogue
from quadrupel.rules.offered import offers
from quadrupel.rules.row import RowReading
from quadrupel.stages.evaluate import EvaluateProfiles
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.pages import Pages
from quadrupel.stages.proof import Anew, prove
from quadrupel.stages.publish import Publish
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.stages.trial import try_rules
from quadrupel.store import published, rule_holds, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.rule_numbers import RuleNumbers
from quadrupel.testing import MemoryBus

from .conftest import FILES, NOW, SCHEMA, TODAY


def rule_set(tmp_path, placements=FILES["placements.py"], **rules):
    """The small rules, with others in the place of some."""
    folder = tmp_path / f"rules-{len(list(tmp_path.iterdir()))}"
    for name, text in {
        **FILES,
        "placements.py": placements,
        **{f"people/{id_}.py": text for id_, text in rules.items()},
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return catalogue.load(folder, ("en",))


def write_citizens(engine, users):
    """These users have three children each, and live in two regions by turns."""
    profiles = [
        Profile(user, 1, {"region": "77" if n % 2 else "78", "children": 3})
        for n, user in enumerate(users)
    ]
    with transaction(engine) as connection:
        ProfileStore(SCHEMA).write(connection, profiles, NOW)


class Portal:
    """The stages around one database, by rules that can be changed."""

    def __init__(self, engine, rules):
        self.engine, self.rules, self.today, self.now = engine, rules, TODAY, NOW
        self.own = UTC_ZONE
        self._runs, self._offsets = count(), count()

    def try_changed(self):
        try_rules(self.engine, self.rules, self.today, self.now)

    def ask(self, query, *arguments):
        with transaction(self.engine) as connection:
            return query(connection, *arguments)

    def differences(self, store, sample):
        """How many users a proof looks at, and what it finds."""
        anew = Anew(RowReading(self.rules), store, offers(self.rules), UTC_ZONE)
        proof = prove(self.engine, anew, self.today, self.now, sample, 1)
        found = [(each.user_id, each.rule, each.says, each.published) for each in proof.differences]
        return proof.users, found

    @property
    def held(self):
        return {each.rule: each.reason for each in self.ask(rule_holds.held)}

    def hold(self, rule):
        """The rule is held as it is, for whatever reason."""
        objection = Objection(Reason.NUMBER, "matches many")
        of_rule = (rule, self.rules.identities[rule], objection, self.today, Trial(20, 20))
        self.ask(rule_holds.hold, *of_rule, self.now)

    def begin(self, size=1_000, **how):
        """A run that was started and of which nothing is evaluated yet."""
        return SlowRun(self, f"night {next(self._runs)}", size, how)

    def night(self, **how):
        """A run from its start to its last verdict published; what it counted."""
        run = self.begin(**how)
        while run.step():
            pass
        self.now += timedelta(hours=1)
        return run.progress()

    def publish(self, batch):
        return Publish(self.engine, lambda _: offers(self.rules), lambda: self.now).process(batch)

    def today_in(self, zone):
        """The day it is for users of that time zone."""
        return self.today

    def happen(self, *users):
        """Something happens to these users: they are evaluated at once, and published."""
        said = self.evaluated([codec.changed_profile(user) for user in users])
        self.settle(self.publish(said))

    def evaluated(self, changed):
        """What the lane of changed profiles says of those who are named, as delivered."""
        self.try_changed()
        rules = asked(self.rules)
        lane = EvaluateProfiles(self.engine, lambda: rules, self.today_in, lambda: self.now)
        return self.delivered(lane.process(self.delivered(changed)))

    def settle(self, outgoing):
        """Evaluate at once whom publish asks again; how many users they were."""
        changed = [each for each in outgoing if each.topic == topics.PROFILES]
        if not changed:
            return 0
        return len(changed) + self.settle(self.publish(self.evaluated(changed)))

    def delivered(self, outgoing):
        return [
            Message(each.topic, 0, next(self._offsets), each.key, each.value, self.now)
            for each in outgoing
        ]

    def open_matches(self, rule):
        found = dict(self.ask(published.match_counts))
        return found.get(rule, 0)


class SlowRun:
    """A run whose ranges are evaluated and published one after the other.

    `again` counts the users who were evaluated at once because publish could not tell.
    """

    def __init__(self, portal, name, size, how):
        self.name, self.again = name, 0
        self._portal, self._rules = portal, portal.rules
        self._bus = MemoryBus()
        self._bus.admin().create(topics.topics(1))
        self._ranges = self._bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
        self._verdicts = self._bus.consumer(topics.VERDICTS, topics.PUBLISH_GROUP)
        start_run(portal.engine, name, portal.today, self._rules, size, portal.now, **how)

    def step(self, rules=None):
        """Evaluate a range and publish it; False if there is none. `rules`: the worker has others.

        It does not know those that the run was started with.
        """
        portal = self._portal
        fan_out(portal.engine, self._bus.producer(), portal.now)
        batch = self._ranges.poll(1, 0.01)
        self._lane(rules or self._rules).process(batch)
        self._ranges.commit()
        while said := self._verdicts.poll(1_000, 0.01):
            self.again += portal.settle(portal.publish(said))
            self._verdicts.commit()
        return bool(batch)

    def _lane(self, rules):
        portal = self._portal
        try_rules(portal.engine, rules, portal.today, portal.now)
        numbers = portal.ask(RuleNumbers().of, rules.rules)
        return EvaluateRanges(
            portal.engine,
            lambda _: Pages(rules, numbers),
            self._bus.producer(),
            self._ranges,
            "one",
            lambda: portal.now,
            own=portal.own,
        )

    def ledger(self, function, *arguments):
        """Pause, cancel or resume it."""
        self._portal.ask(function, self.name, *arguments)

    def progress(self):
        return self._portal.ask(runs.progress, self.name, self._portal.now)
