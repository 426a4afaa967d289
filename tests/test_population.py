from collections import Counter
from datetime import UTC, date, datetime
from itertools import groupby, islice

import pytest

from quadrupel.bus.event_codec import decode_event, encode_event
from quadrupel.population import contacts, events, user_id_of

TODAY = date(2026, 11, 23)
LEAP_DAY = date(2028, 2, 29)


def lines(users, seed=1, today=TODAY):
    return [encode_event(event) for event in events(users, seed, today)]


def lives(users, today=TODAY):
    """Each citizen's events."""
    return [list(life) for _, life in groupby(events(users, 1, today), lambda event: event.subject)]


def test_the_same_arguments_give_the_same_bytes():
    assert lines(50) == lines(50)


def test_another_seed_gives_another_population():
    assert set(lines(50)).isdisjoint(lines(50, seed=2))


def test_another_day_gives_events_that_are_not_taken_for_repetitions():
    before, after = events(50, 1, TODAY), events(50, 1, date(2026, 11, 24))
    assert {each.identity for each in before}.isdisjoint(each.identity for each in after)


def test_a_smaller_population_is_the_start_of_a_larger_one():
    small, large = lines(20), lines(40)
    assert large[: len(small)] == small


def test_a_population_of_a_billion_starts_at_once():
    first = next(events(10**9, 1, TODAY))
    assert first.subject == "c0000001"


def test_every_event_is_one_that_ingest_accepts():
    for event in events(500, 1, TODAY):
        assert decode_event(encode_event(event)) == event


def test_every_event_has_an_identity_of_its_own():
    identities = [event.identity for event in events(2_000, 1, TODAY)]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize("today", [TODAY, LEAP_DAY, date(2027, 1, 1), date(2000, 3, 1)])
def test_a_life_is_in_order_and_ends_before_today(today):
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    for life in lives(1_000, today):
        times = [event.time for event in life]
        assert times == sorted(times), life
        assert times[-1] < midnight


def registration(life):
    (found,) = [event for event in life if event.type == "citizen.registered"]
    return found


def test_everyone_came_to_the_portal_once_after_birth():
    for life in lives(500):
        born = date.fromisoformat(registration(life).data["birth_date"])
        assert born < registration(life).time.date()


def test_citizens_have_seven_to_nine_events_on_average():
    assert 7.0 <= sum(1 for _ in events(5_000, 1, TODAY)) / 5_000 <= 9.0


def test_nobody_has_a_document_or_a_child_at_an_age_that_cannot_have_them():
    youngest = {"passport": 14, "foreign_passport": 14, "driving_licence": 18}
    for life in lives(2_000):
        born = date.fromisoformat(registration(life).data["birth_date"])
        for event in life:
            age = (event.time.date() - born).days / 365.2425
            assert age >= youngest.get(event.data.get("kind"), 0), event
            assert event.type != "child.registered" or 20 <= age < 43


def test_ages_have_the_shape_of_a_population():
    ages = Counter(
        (TODAY - date.fromisoformat(event.data["birth_date"])).days // 3652
        for event in events(10_000, 1, TODAY)
        if event.type == "citizen.registered"
    )
    assert min(ages) == 1
    assert max(ages) <= 9
    assert ages[3] > ages[2] > ages[1]
    assert ages[4] > ages[6] > ages[7] > ages[8]


def test_a_licence_is_valid_for_ten_years_and_insurance_for_one():
    for event in events(2_000, 1, TODAY):
        years = {"driving_licence": 10, "foreign_passport": 10, "insurance_certificate": 1}.get(
            event.data.get("kind")
        )
        if years and event.type == "document.issued":
            issued, expires = (date.fromisoformat(event.data[key]) for key in ("issued", "expires"))
            assert (expires.year - issued.year, expires.month) == (years, issued.month)


def test_contacts_are_those_of_the_same_citizens():
    found = list(islice(contacts(10**9, 1), 200))
    assert [contact.user_id for contact in found] == [user_id_of(n) for n in range(1, 201)]
    assert {contact.language for contact in found} == {"en", "ru"}
    assert 0.7 < sum(contact.consents["email"] for contact in found) / 200 < 0.95
