"""Trials: every rule is tried on a sample of users before anything it says is shown or sent.

Once when its verdicts have changed, by the first process that evaluates by the new rules; and again
before every run, for the day of the run. What a run counts while it goes on is judged too. A rule
that is objected to is held, see `quadrupel.core.guards`.
"""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime

import sqlalchemy as sa
import structlog

from quadrupel.core.guards import NOTHING_ACCEPTED, Objection, Trial, judge
from quadrupel.core.run_plans import RunKind
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar import Query
from quadrupel.rules.trial import try_on
from quadrupel.stages.pages import column_read
from quadrupel.store import profile_columns, rule_holds, rule_sets, rule_trials, runs
from quadrupel.store.database import transaction
from quadrupel.store.runs import RunProgress

SAMPLE = 20_000
"""How many users rules are tried on."""

log = structlog.get_logger()

Objections = Mapping[str, Objection]


def try_rules(
    engine: sa.Engine,
    rule_set: RuleSet,
    as_of: date,
    now: datetime,
    *,
    for_day: bool = False,
    clock: Callable[[], float] = time.process_time,
) -> None:
    """Try a rule set, unless all of its rules were tried as they are.

    With `for_day` they must have been tried for this very day, since what rules match changes with
    it. Where there are no users nothing can be learned, and nothing is. `clock` tells seconds.
    """
    with transaction(engine) as connection:
        rule_sets.save(connection, rule_set.hash, rule_set.identities, rule_set.weights)
    trials = _try(engine, rule_set, as_of, for_day=for_day, clock=clock)
    if not trials:
        return
    with transaction(engine) as connection:
        objections = _judge_trials(connection, rule_set, trials, as_of)
        rule_trials.save(connection, as_of, rule_set.identities, trials, objections, now)
        _hold(connection, rule_set.identities, trials, objections, as_of, now)
    users = next(iter(trials.values())).users
    log.info("rules tried", rules=len(trials), users=users, as_of=str(as_of))


def foresee(engine: sa.Engine, rule_set: RuleSet, as_of: date) -> Objections:
    """What a run for that day would object to before it starts; nothing is written.

    A rule that is held or discarded already may be among them.
    """
    trials = _try(engine, rule_set, as_of, for_day=True)
    with transaction(engine) as connection:
        return _judge_trials(connection, rule_set, trials, as_of)


def _try(
    engine: sa.Engine,
    rule_set: RuleSet,
    as_of: date,
    *,
    for_day: bool,
    clock: Callable[[], float] = time.process_time,
) -> Mapping[str, Trial]:
    """The trials of all rules, none where they were tried before or there are no users."""
    with transaction(engine) as connection:
        tried = rule_trials.tried(connection, rule_set.identities, as_of if for_day else None)
    if tried == rule_set.rules.keys():
        return {}
    query = Query({rule.id: rule.predicate.tree for rule in rule_set.rules.values()})
    with transaction(engine) as connection:
        columns = [column_read(each) for each in query.columns]
        users = profile_columns.sample(connection, columns, SAMPLE)
    return {} if users.is_empty() else try_on(query, users, as_of, clock)


def _judge_trials(
    connection: sa.Connection, rule_set: RuleSet, trials: Mapping[str, Trial], as_of: date
) -> Objections:
    new = rule_set.rules.keys() - rule_trials.tried(connection, rule_set.identities)
    return _judge(connection, rule_set, trials, as_of, new)


def _judge(
    connection: sa.Connection,
    rule_set: RuleSet,
    trials: Mapping[str, Trial],
    as_of: date,
    new: Collection[str],
) -> Objections:
    usual = rule_trials.usual(connection, as_of, rule_set.identities)
    accepted = rule_holds.accepted(connection, rule_set.identities)
    judged = {
        rule: judge(
            trial,
            usual.get(rule),
            rule_set.rules[rule].max_match_ratio,
            is_new=rule in new,
            accepted=accepted.get(rule, NOTHING_ACCEPTED),
        )
        for rule, trial in trials.items()
    }
    return {rule: objection for rule, objection in judged.items() if objection is not None}


def judge_run(engine: sa.Engine, run: RunProgress, rule_set: RuleSet, now: datetime) -> None:
    """Hold the rules that are objected to by what a run counted so far; nothing if it has none.

    Users who are due, or of one time zone, are like no sample: of a run over them only the errors
    are judged. Times never are, since a run measures them otherwise. By other rules than the run's
    nothing is judged.
    """
    if not run.evaluated:
        return
    with transaction(engine) as connection:
        if rule_sets.identities(connection, run.rule_set) != rule_set.identities:
            return
        counted = {
            rule: Trial(run.evaluated, counts.matched, counts.errors)
            for rule, counts in runs.rules(connection, run.run).items()
            if rule in rule_set.rules
        }
        if run.kind == RunKind.DUE or run.zone is not None:
            counted = {rule: Trial(each.users, 0, each.errors) for rule, each in counted.items()}
        objections = _judge(connection, rule_set, counted, run.as_of, new=())
        _hold(connection, rule_set.identities, counted, objections, run.as_of, now)


def _hold(
    connection: sa.Connection,
    identities: Mapping[str, str],
    trials: Mapping[str, Trial],
    objections: Objections,
    as_of: date,
    now: datetime,
) -> None:
    for rule, objection in objections.items():
        of_rule = (rule, identities[rule], objection, as_of, trials[rule])
        if rule_holds.hold(connection, *of_rule, now):
            log.error("rule held", rule=rule, reason=objection.said, as_of=str(as_of))
