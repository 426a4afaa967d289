"""Pages of users: the evaluations that the row reading makes, of those who differ, and no others.

Synthetic citizens and the shipped rules, through the real database.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.core.publishing import decide
from quadrupel.core.runs import RangeCounts
from quadrupel.core.verdicts import NEVER_DUE
from quadrupel.population import events
from quadrupel.rules import catalogue, page_reading
from quadrupel.rules.offered import offers
from quadrupel.rules.page_reading import PageReading
from quadrupel.rules.row import RowReading
from quadrupel.stages.pages import Pages
from quadrupel.store import published, run_users, schema
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.range_pages import Part
from quadrupel.store.rule_numbers import RuleNumbers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 23)
EVERYBODY = Part("", None)
SIZE = 120


@pytest.fixture(scope="module")
def rules():
    return catalogue.load(Path(__file__).parents[2] / "rules")


@pytest.fixture(scope="module")
def citizens(rules):
    """The profiles of synthetic citizens by user id."""
    feeds = Feeds(rules.schema)
    profiles = {}
    for event in events(SIZE, 7, TODAY):
        profile = profiles.setdefault(event.subject, Profile(event.subject))
        fold(profile, arrived([event], TODAY), feeds)
    for profile in profiles.values():
        profile.version = 1
    return profiles


@pytest.fixture
def saved(engine, rules, citizens):
    with transaction(engine) as connection:
        schema.apply(connection, rules.schema, NOW)
        ProfileStore(rules.schema).write(connection, list(citizens.values()), NOW)
    return engine


@pytest.fixture(scope="module")
def prepared():
    """Makes pages of rules, the same for the same rules: to prepare them takes a while."""
    made = {}

    def of(rules, numbers):
        key = (rules.hash, *rules.rules, *numbers.items())
        return made[key] if key in made else made.setdefault(key, Pages(rules, numbers))

    return of


@pytest.fixture
def pages(saved, rules, prepared):
    """Makes the pages of the rules, or gives those made before, as a worker goes on with them."""

    def made(of=rules):
        with transaction(saved) as connection:
            return prepared(of, RuleNumbers().of(connection, of.rules))

    return made


def read(engine, pages, day=TODAY, part=EVERYBODY, size=1000, due=None, changed=()):
    with transaction(engine) as connection:
        page = pages.page(connection, replace(part, due=due), size)
    return taken(pages.read(page, day, NOW, changed))


def taken(read):
    """What was read, with all evaluations made."""
    return replace(read, evaluations=tuple(read.evaluations))


def read_changed(engine, pages, changed, day=TODAY, withheld=(), meanwhile=lambda: None):
    """What a run of changed rules finds; `meanwhile` happens between its two looks."""

    def ask(question):
        with transaction(engine) as connection:
            return question(connection)

    def ask_later(question):
        meanwhile()
        return ask(question)

    some = pages.of_changed(changed, ask_later)
    page = ask(lambda connection: some.page(connection, EVERYBODY, 1000))
    return taken(some.read(page, day, NOW, changed, withheld))


def publish(engine, evaluations, rules):
    """Publish, as the stage does."""
    with transaction(engine) as connection:
        states = published.lock(connection, [each.user_id for each in evaluations])
        decisions = [
            decide(
                each,
                states[each.user_id].published,
                states[each.user_id].open_matches,
                offers(rules),
            )
            for each in evaluations
        ]
        published.save(connection, decisions, NOW)


def by_rows(rules, citizens, day):
    """What the row reading says of every user, without deadlines."""
    reading = RowReading(rules)
    return {
        user_id: reading.evaluation(user_id, profile.version, profile.values, day, NOW)
        for user_id, profile in sorted(citizens.items())
    }


def without_deadline(evaluations):
    return {
        each.user_id: (each.profile_version, each.as_of, each.rule_set, each.matches, each.errors)
        for each in evaluations
    }


def test_a_page_of_users_never_published_has_the_row_readings_evaluation_of_each(
    saved, pages, rules, citizens
):
    found = read(saved, pages())
    expected = by_rows(rules, citizens, TODAY)
    assert without_deadline(found.evaluations) == without_deadline(expected.values())
    assert [each.user_id for each in found.evaluations] == list(expected)
    assert found.counts.evaluated == len(expected)
    assert found.counts.matched == sum(len(each.matches) for each in expected.values())


def test_evaluations_of_a_page_are_made_some_at_a_time_and_are_the_same(saved, pages, monkeypatch):
    whole = read(saved, pages())
    made, reading = [], pages()
    tell = PageReading._told

    def told(reading, page, *more):
        made.append(page.height)
        return tell(reading, page, *more)

    monkeypatch.setattr(page_reading, "AT_ONCE", 7)
    monkeypatch.setattr(PageReading, "_told", told)
    with transaction(saved) as connection:
        page = reading.page(connection, EVERYBODY, 1000)
    found = reading.read(page, TODAY, NOW)
    evaluations = iter(found.evaluations)
    assert (next(evaluations), made) == (whole.evaluations[0], [7])
    assert (*evaluations,) == whole.evaluations[1:]
    assert set(made[:-1]) == {7}
    assert sum(made) == found.counts.changed == len(whole.evaluations)


def test_who_is_what_is_published_is_left_alone(saved, pages, rules):
    first = read(saved, pages())
    publish(saved, first.evaluations, rules)
    before_anything_is_due = min(each.due_on for each in first.evaluations) - timedelta(days=1)
    again = read(saved, pages(), before_anything_is_due)
    assert again.evaluations == ()
    assert again.counts == replace(first.counts, changed=0, rules=again.counts.rules)


def test_who_is_due_differs_and_nobody_else_changes(saved, pages, rules, citizens):
    publish(saved, read(saved, pages()).evaluations, rules)
    for later in (1, 2, 30, 200):
        day = TODAY + timedelta(days=later)
        with transaction(saved) as connection:
            due = run_users.due_days(connection, day)
        found = read(saved, pages(), day, due=due)
        everybody = read(saved, pages(), day)
        assert found.evaluations == everybody.evaluations
        assert found.counts.evaluated == len(found.evaluations)
        publish(saved, found.evaluations, rules)
        expected = by_rows(rules, citizens, day)
        with transaction(saved) as connection:
            states = published.lock(connection, list(expected))
        for user_id, evaluation in expected.items():
            open_rules = sorted(match.rule for match in states[user_id].open_matches)
            assert open_rules == [match.rule for match in evaluation.matches]
            assert states[user_id].published.due_on > day


def test_a_changed_profile_differs(saved, pages, rules, citizens):
    publish(saved, read(saved, pages()).evaluations, rules)
    user_id = next(iter(citizens))
    with transaction(saved) as connection:
        profile = ProfileStore(rules.schema).read(connection, [user_id])[user_id]
        profile.version += 1
        ProfileStore(rules.schema).write(connection, [profile], NOW)
    [evaluation] = read(saved, pages(), TODAY).evaluations
    assert (evaluation.user_id, evaluation.profile_version) == (user_id, 2)


def test_who_matches_a_changed_rule_differs(saved, pages, rules):
    first = read(saved, pages())
    publish(saved, first.evaluations, rules)
    assert read(saved, pages()).evaluations == ()
    rule, counts = max(first.counts.rules.items(), key=lambda each: each[1].matched)
    found = read(saved, pages(), changed={rule, "no_such_rule"})
    who = [each for each in found.evaluations if rule in {match.rule for match in each.matches}]
    assert len(who) == counts.matched > 0


def test_who_is_due_by_a_changed_rule_earlier_than_is_known_differs(saved, pages, rules):
    first = read(saved, pages())
    publish(saved, [replace(each, due_on=NEVER_DUE) for each in first.evaluations], rules)
    assert read(saved, pages()).evaluations == ()
    found = read(saved, pages(), changed=set(rules.rules)).evaluations
    silent = {each.user_id for each in first.evaluations if not each.matches and each.due_on}
    due = {each.user_id for each in first.evaluations if each.due_on != NEVER_DUE}
    assert {each.user_id for each in found} & silent == due & silent != set()
    assert {each.user_id: each.due_on for each in found}.items() <= {
        each.user_id: each.due_on for each in first.evaluations
    }.items()


@pytest.mark.parametrize("left", [0, 1, 5], ids=lambda left: f"{left} rules left")
def test_who_holds_a_removed_rule_differs(saved, pages, rules, left):
    first = read(saved, pages())
    publish(saved, first.evaluations, rules)
    kept = dict(list(rules.rules.items())[:left])
    fewer = replace(rules, rules=kept, hash="fewer")
    found = read(saved, pages(of=fewer)).evaluations
    held = {
        each.user_id for each in first.evaluations if {m.rule for m in each.matches} - set(kept)
    }
    assert {each.user_id for each in found} == held != set()
    publish(saved, found, fewer)
    with transaction(saved) as connection:
        states = published.lock(connection, sorted(held))
    assert {m.rule for state in states.values() for m in state.open_matches} <= set(kept)
    assert read(saved, pages(of=fewer)).evaluations == ()


@pytest.fixture
def edited(saved, pages, rules):
    """A rule set in which five rules ask what others asked, after the one before was published.

    It goes with the names of the five.
    """
    publish(saved, read(saved, pages()).evaluations, rules)
    names = sorted(rules.rules)
    five = {
        name: replace(rules.rules[name], predicate=rules.rules[other].predicate)
        for name, other in zip(names[:5], names[5:10], strict=True)
    }
    return replace(rules, rules=rules.rules | five, hash="edited"), frozenset(five)


@pytest.mark.parametrize("later", [0, 1, 30, 200])
@pytest.mark.parametrize("held", [False, True], ids=["all heard", "one held"])
def test_a_run_of_changed_rules_finds_whom_one_of_all_rules_finds(
    saved, pages, edited, later, held
):
    rules, changed = edited
    withheld = sorted(changed)[:1] if held else []
    day, made = TODAY + timedelta(days=later), pages(of=rules)
    with transaction(saved) as connection:
        page = made.page(connection, EVERYBODY, 1000)
    of_all = taken(made.read(page, day, NOW, changed, withheld))
    found = read_changed(saved, made, changed, day, withheld)
    assert found.evaluations == of_all.evaluations != ()
    assert found.counts.evaluated == SIZE
    assert found.counts.changed == len(found.evaluations)
    told = {name: (each.matched, each.errors) for name, each in found.counts.rules.items()}
    assert told.keys() <= changed
    assert (
        told.items()
        <= {name: (each.matched, each.errors) for name, each in of_all.counts.rules.items()}.items()
    )


def test_a_run_of_changed_rules_reads_their_columns_alone(saved, pages, edited):
    def never(_):
        raise AssertionError

    rules, changed = edited
    made = pages(of=rules)
    with transaction(saved) as connection:
        whole = made.page(connection, EVERYBODY, 1000)
        some = made.of_changed(changed, never).page(connection, EVERYBODY, 1000)
        none = made.of_changed((), never).page(connection, EVERYBODY, 1000)
    assert {*none.columns} < {*some.columns} < {*whole.columns}
    assert some.height == none.height == whole.height


def test_a_run_in_which_rules_were_only_removed_finds_who_holds_them(saved, pages, rules):
    first = read(saved, pages())
    publish(saved, first.evaluations, rules)
    kept = dict(list(rules.rules.items())[5:])
    fewer = replace(rules, rules=kept, hash="fewer")
    held = {
        each.user_id for each in first.evaluations if {m.rule for m in each.matches} - set(kept)
    }
    found = read_changed(saved, pages(of=fewer), ())
    assert {each.user_id for each in found.evaluations} == held != set()
    assert found.counts.rules == {}


def test_who_changes_or_goes_during_a_run_of_changed_rules_is_evaluated_anew_or_not_at_all(
    saved, pages, edited
):
    rules, changed = edited
    made = pages(of=rules)
    one, other, *rest = [each.user_id for each in read_changed(saved, made, changed).evaluations]

    def meanwhile():
        with transaction(saved) as connection:
            for query in (
                "UPDATE profiles SET version = version + 1 WHERE user_id = :id",
                "UPDATE profiles SET erased = true WHERE user_id = :other",
            ):
                connection.execute(sa.text(query), {"id": one, "other": other})

    found = read_changed(saved, made, changed, meanwhile=meanwhile).evaluations
    assert [each.user_id for each in found] == [one, *rest]
    assert found[0].profile_version == 2


def test_who_holds_a_rule_that_has_no_bit_in_a_page_differs(saved, pages, rules, citizens):
    made = pages()
    publish(saved, read(saved, made).evaluations, rules)
    user_id = next(iter(citizens))
    with transaction(saved) as connection:
        connection.execute(
            sa.text(
                "UPDATE published SET held = array_cat(held, ARRAY[0, 0, 1]) WHERE user_id = :id"
            ),
            {"id": user_id},
        )
    assert [each.user_id for each in read(saved, made).evaluations] == [user_id]


def test_pages_end_to_end_are_the_whole(saved, pages, citizens):
    whole, reading = read(saved, pages()), pages()
    found, part = [], EVERYBODY
    while (page := read(saved, reading, part=part, size=30)).counts.evaluated:
        found.append(page)
        part = Part(page.evaluations[-1].user_id, None, inclusive=False)
    assert [each for page in found for each in page.evaluations] == list(whole.evaluations)
    digests = sum(page.counts.digest for page in found) - whole.counts.digest
    assert digests % 2**64 == 0
    middle = sorted(citizens)[50]
    before, after = Part("", middle), Part(middle, None)
    assert sum(read(saved, reading, part=each).counts.evaluated for each in (before, after)) == SIZE
    assert [each.user_id for each in read(saved, reading, part=after, size=1).evaluations] == [
        middle
    ]


def test_the_digest_tells_other_verdicts_and_other_days(saved, pages):
    digests = {
        read(saved, pages(), TODAY + timedelta(days=day)).counts.digest for day in (0, 40, 80)
    }
    assert len(digests) == 3


def test_an_empty_page_says_nothing(saved, pages):
    nobody = read(saved, pages(), part=Part("zzzz", None))
    assert (nobody.evaluations, nobody.counts.evaluated, nobody.counts.digest) == ((), 0, 0)
    assert nobody.counts == RangeCounts()
