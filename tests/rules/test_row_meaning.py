"""The row reading against Python itself and a slow interpreter, by random predicates."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings

from quadrupel.core.verdicts import Verdict
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import predicate_reading

from .meanings import expected, run_by_python
from .random_predicates import COMPLETE_PROFILES, CONDITIONS, DAYS, PROFILES, bodies

MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def wrapped(body: str) -> str:
    """A whole script around the body of a predicate."""
    return (
        '"""About."""\nowner = "t"\nshadow = True\nemail = Email(template="any")\n'
        f"def matches(user, today):\n    {body}\n"
        'examples = [match(today="2026-01-01"), no_match(today="2026-01-02"),'
        ' unknown(today="2026-01-03")]\n'
    )


@MANY
@given(text=CONDITIONS, values=COMPLETE_PROFILES, today=DAYS)
def test_without_gaps_a_predicate_means_what_python_means(schema, text, values, today):
    verdict = predicate_reading(parse_expression(text, schema))(values, today)
    try:
        answer = run_by_python(f"return {text}", values, today)
    except ArithmeticError:
        assert verdict is Verdict.ERROR
    else:
        assert verdict is (Verdict.MATCH if answer else Verdict.NO_MATCH)


@MANY
@given(body=bodies(), values=COMPLETE_PROFILES, today=DAYS)
def test_without_gaps_statements_mean_what_python_means(read_script, body, values, today):
    rule, source = read_script(wrapped(body))
    if rule is None:
        assert {problem.message for problem in source.problems} <= {"no path comes here"}
        return
    verdict = predicate_reading(rule.predicate)(values, today)
    try:
        answer = run_by_python(body, values, today)
    except ArithmeticError:
        return  # Python computes a local name where it is given, the language where it is used
    assert verdict is (Verdict.MATCH if answer else Verdict.NO_MATCH)


@MANY
@given(text=CONDITIONS, values=PROFILES, today=DAYS)
def test_with_gaps_a_predicate_means_what_its_tree_says(schema, text, values, today):
    predicate = parse_expression(text, schema)
    verdict = predicate_reading(predicate)(values, today)
    assert verdict is expected(predicate.tree, values, today)


@MANY
@given(body=bodies(), values=PROFILES, today=DAYS)
def test_with_gaps_statements_mean_what_their_tree_says(read_script, body, values, today):
    rule, _ = read_script(wrapped(body))
    if rule is not None:
        verdict = predicate_reading(rule.predicate)(values, today)
        assert verdict is expected(rule.predicate.tree, values, today)


@MANY
@given(
    text=CONDITIONS.filter(lambda text: "is_known" not in text),
    gaps=PROFILES,
    fill=COMPLETE_PROFILES,
    today=DAYS,
)
def test_a_verdict_is_never_guessed_what_is_learned_later_does_not_change_it(
    schema, text, gaps, fill, today
):
    verdict = predicate_reading(parse_expression(text, schema))
    counted = {"visits": 0, "owed": Decimal(0), "orders": {}, "recent": (), "lately": ()}
    before = verdict(gaps, today)
    if before in (Verdict.MATCH, Verdict.NO_MATCH):
        after = verdict({**fill, **counted, **gaps}, today)
        assert after is before or after is Verdict.ERROR
