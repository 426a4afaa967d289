"""Spans of nights that evaluate only who is due, by random rules, beside a full evaluation a day.

Several rules at once and many profiles: a night asks the users who are due, by all rules, and finds
out when they are due again. On every day what is known of everybody is what the rows say.
"""

import random
from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quadrupel.core.verdicts import NEVER_DUE
from quadrupel.rules import columnar_deadline
from quadrupel.rules.columnar import VERDICTS, Query, frame_of
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import predicate_reading

from .test_agreement import PREDICATES, SEEDS, some_profiles, some_today

NIGHTS = 40
USERS = 15


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(texts=st.lists(PREDICATES, min_size=1, max_size=4, unique=True), seed=SEEDS)
def test_who_is_not_due_is_what_a_full_evaluation_says(schema, monkeypatch, texts, seed):
    monkeypatch.setattr(columnar_deadline, "SOME", 1)
    rng = random.Random(seed)
    today = some_today(rng)
    predicates = {text: parse_expression(text, schema) for text in texts}
    profiles = [
        profile
        for predicate in predicates.values()
        for profile in some_profiles(rng, schema, predicate, today)[:USERS]
    ]
    trees = {text: predicate.tree for text, predicate in predicates.items()}
    query, deadlines = Query(trees), ColumnarDeadlines(trees)
    readings = {text: predicate_reading(each) for text, each in predicates.items()}
    known, due = [{} for _ in profiles], [today for _ in profiles]
    for night in range(NIGHTS):
        day = today + timedelta(days=night)
        asked = [number for number, on in enumerate(due) if on <= day]
        frame = frame_of([profiles[number] for number in asked], query.columns)
        codes = query.evaluate(frame, day).rows(named=True)
        again = deadlines.earliest(frame, day).fill_null(NEVER_DUE)
        for number, found, on in zip(asked, codes, again, strict=True):
            known[number] = {text: VERDICTS[code] for text, code in found.items()}
            due[number] = on
        for profile, verdicts in zip(profiles, known, strict=True):
            for text, reading in readings.items():
                says = reading(profile.values, day)
                assert verdicts[text] is says, f"{text} on {day} for {profile.values}"
