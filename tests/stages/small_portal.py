"""The stages around one database, by the small rules of conftest, which a test may change."""

from datetime import timedelta
from itertools import count

from quadrupel.bus import topics
from quadrupel.core.zones import UTC_ZONE
from quadrupel.rules import catalogue
from quadrupel.rules.offered import offers
from quadrupel.rules.row import RowReading
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.pages import Pages
from quadrupel.stages.proof import Anew, prove
from quadrupel.stages.publish import Publish
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.stages.trial import try_rules
from quadrupel.store import published, rule_holds, runs
from quadrupel.store.database import transaction
from quadrupel.store.rule_numbers import RuleNumbers
from quadrupel.testing import MemoryBus

from .conftest import FILES, NOW, TODAY


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


class Portal:
    """The stages around one database, by rules that can be changed."""

    def __init__(self, engine, rules):
        self.engine, self.rules, self.today, self.now = engine, rules, TODAY, NOW
        self._runs = count()

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

    def night(self, **plan):
        """A run from its start to its last verdict published; what it counted."""
        name, bus = f"night {next(self._runs)}", MemoryBus()
        bus.admin().create(topics.topics(1))
        start_run(self.engine, name, self.today, self.rules, 1_000, self.now, **plan)
        fan_out(self.engine, bus.producer(), self.now)
        with transaction(self.engine) as connection:
            numbers = RuleNumbers().of(connection, self.rules.rules)
        lane = topics.EVALUATE_RANGES
        consumer = bus.consumer(lane.topic, lane.group)
        ranges = EvaluateRanges(
            self.engine,
            lambda _: Pages(self.rules, numbers),
            bus.producer(),
            consumer,
            "one",
            lambda: self.now,
        )
        while batch := consumer.poll(1, 0.01):
            ranges.process(batch)
        verdicts = bus.consumer(topics.VERDICTS, topics.PUBLISH_GROUP)
        while batch := verdicts.poll(1_000, 0.01):
            self.publish(batch)
        self.now += timedelta(hours=1)
        return self.ask(runs.progress, name, self.now)

    def publish(self, batch):
        return Publish(self.engine, lambda _: offers(self.rules), lambda: self.now).process(batch)

    def open_matches(self, rule):
        found = dict(self.ask(published.match_counts))
        return found.get(rule, 0)
