"""Rules that are edited and taken back while events, nights and runs of operators go on.

Whatever came before, once a night has ended everybody is published as the rules in force say.
"""

import contextlib
import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quadrupel.bus import codec
from quadrupel.core.contacts import Contact
from quadrupel.core.errors import Conflict
from quadrupel.core.profiles import Profile
from quadrupel.core.run_plans import RunKind
from quadrupel.store import contacts, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import FILES, NOW, RULE, SCHEMA
from .small_portal import Portal, rule_set

USERS = [f"u{n}" for n in range(8)]
EASTERN = USERS[::2]
TIMES = int(os.environ.get("MODEL_TIMES", "1"))
STORE = ProfileStore(SCHEMA)
TABLES = (
    "profiles, contacts, published, matches, messages, runs, run_ranges, rule_sets, rule_trials"
)


def some_rules(tmp_path):
    """Rule sets that differ in what a rule asks, in priorities, and in which rules there are."""
    wider = RULE.format(
        priority=1, predicate="is_known(user.region)", match='region="77"', other="children=1"
    )
    larger = RULE.format(
        priority=2, predicate="user.children > 1", match="children=2", other="children=0"
    )
    first = FILES["people/moscow.py"].replace("priority=1", "priority=9")
    sets = [{}, {"moscow": wider}, {"moscow": first}, {"large_family": larger}]
    return [rule_set(tmp_path, **each) for each in sets]


class Edited(Portal):
    """A portal whose rules are any of some; what happens is drawn by `chance`.

    In the evening the next day has begun for half of the users.
    """

    def __init__(self, engine, sets, chance):
        super().__init__(engine, sets[0])
        self.sets, self.chance = sets, chance
        self.evening, self.open_runs, self.late = False, [], []
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"TRUNCATE {TABLES}")
            users = [Contact(user, None, None, {}, None, "Asia/Omsk") for user in EASTERN]
            contacts.save(connection, users, NOW)
        self.versions = dict.fromkeys(USERS, 0)
        for user in USERS:
            self.change(user)

    def today_in(self, zone):
        return self.today + timedelta(days=int(zone is not None and self.evening))

    def change(self, user):
        region, children = self.chance.choice(["77", "78"]), self.chance.choice([0, 3])
        self.versions[user] += 1
        values = {"region": region, "children": children}
        with transaction(self.engine) as connection:
            STORE.write(connection, [Profile(user, self.versions[user], values)], self.now)

    def edit(self):
        self.rules = self.chance.choice(self.sets)

    def event(self):
        """The profile of a user changes; some of what is said of it is published later."""
        user = self.chance.choice(EASTERN if self.evening else USERS)
        self.change(user)
        said = self.evaluated([codec.changed_profile(user)])
        if self.chance.random() < 0.2:
            self.late += said
        else:
            self.settle(self.publish(said))

    def publish_late(self):
        late, self.late = self.late, []
        self.settle(self.publish(late))

    def start(self):
        self.open_runs.append(self.begin(size=2, full=self.chance.random() < 0.3))

    def run(self):
        """A run goes through, for which an operator waits."""
        run = self.begin(size=2)
        while run.step():
            pass

    def step(self):
        """Of a run a range is evaluated, perhaps by a worker that has other rules."""
        if self.open_runs:
            other = self.chance.choice(self.sets) if self.chance.random() < 0.1 else None
            self.chance.choice(self.open_runs).step(other)

    def decide(self):
        """A run is paused, goes on or is cancelled."""
        if self.open_runs:
            decided = self.chance.choice([runs.pause, runs.resume, runs.cancel])
            at = () if decided is runs.pause else (self.now,)
            with contextlib.suppress(Conflict):  # it is so already, or has ended
                self.chance.choice(self.open_runs).ledger(decided, *at)

    def sunset(self):
        self.evening = True

    def sunrise(self):
        self.today += timedelta(days=1)
        self.evening = False

    def settled_night(self):
        """What is on its way arrives, and the next night ends; what it evaluated."""
        for run in self.open_runs:
            while self.chance.random() < 0.5 and run.step():
                pass
            if run.progress().state in runs.OPEN:
                run.ledger(runs.cancel, self.now)
        self.open_runs = []
        self.publish_late()
        self.now += timedelta(hours=1)
        self.sunrise()
        return self.night()


STEPS = [
    *[Edited.event, Edited.event, Edited.event, Edited.edit, Edited.edit, Edited.run, Edited.run],
    *[Edited.start, Edited.step, Edited.step, Edited.decide, Edited.publish_late, Edited.sunrise],
]
HOURS = st.lists(st.sampled_from(STEPS), min_size=5, max_size=10)


@pytest.mark.slow
@pytest.mark.timeout(300 * TIMES)
def test_after_a_night_everybody_is_published_by_the_rules_in_force(applied, tmp_path):
    sets, kinds = some_rules(tmp_path), []

    @settings(
        max_examples=20 * TIMES,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(st.tuples(HOURS, HOURS), min_size=2, max_size=3),
        st.randoms(use_true_random=False),
    )
    def live(days, chance):
        portal = Edited(applied, sets, chance)
        for by_day, in_the_evening in days:
            for step in (*by_day, Edited.sunset, *in_the_evening):
                step(portal)
                portal.now += timedelta(seconds=chance.choice([1, 60, 60]))
            kinds.append(portal.settled_night().kind)
            assert portal.differences(STORE, len(USERS)) == (len(USERS), [])

    live()
    # Nights that ask everybody would prove nothing, nor would days of which nothing is left over.
    assert {RunKind.DUE, RunKind.RULES} <= {*kinds}
