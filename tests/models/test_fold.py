"""The fold alone, without bus and database, beside the plain fold: more histories, more orders."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.bus.event_codec import decode_event
from quadrupel.core import lifecycle, profiles
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import check_time
from quadrupel.core.places import Place
from quadrupel.core.profiles import Arrival, Feeds, Profile
from quadrupel.store import fold_state

from . import plain_fold
from .declared import IN_WORDS, SCHEMA
from .histories import FORGOTTEN, OF_AN_OPEN_ONE, OF_ONE, TIMES, Writer, histories

FEEDS = Feeds(SCHEMA)


def written(history):
    """What lies on the one partition of anna's events, and the log of it."""
    writer = Writer("")
    for each in history:
        writer.write(each)
    return writer.log.partitions[0], writer.log


def arrivals(log, deliveries, *, placed):
    """What the fold is told; without what is from the future."""
    told = []
    for each in deliveries:
        event = decode_event(log.bodies[each.partition, each.offset])
        try:
            check_time(event, each.arrived)
        except EventRefused:
            continue
        place = Place(each.arrived, each.offset, each.partition) if placed else None
        told.append(Arrival(event, each.arrived.date(), place))
    return told


def in_words(value):
    """A value as the plain fold has it."""
    if isinstance(value, tuple):
        return {date.fromordinal(day): number for day, number in value}
    if isinstance(value, dict):
        return {key: (each.count, each.sum, each.first, each.last) for key, each in value.items()}
    return value


def known(profile):
    return {name: in_words(value) for name, value in profile.values.items()}


def visible(values, today):
    """The values, of windowed counts what is in the window of the day or after it."""
    seen = dict(values)
    for name in ("recent", "recent_fines"):
        gone = today - timedelta(days=IN_WORDS[name][0])
        seen[name] = {day: each for day, each in values.get(name, {}).items() if day > gone}
    return seen


def orders(told, draw):
    """All orders of a few events, a dozen of many."""
    if len(told) <= 4:
        return itertools.permutations(told)
    return [draw(st.permutations(told)) for _ in range(12)]


def saved(profile, told):
    """The profile after a batch as it is read again, if the fold says that it is to be saved."""
    state = fold_state.unpack(fold_state.pack(profile.state))
    after = Profile(profile.user_id, profile.version, dict(profile.values), state)
    result = profiles.fold(after, told, FEEDS)
    assert after.version == profile.version + result.changed
    return after if result.changed else profile


def folded_in_batches(told, draw):
    profile, rest = Profile("anna"), list(told)
    while rest:
        size = draw(st.integers(1, len(rest)))
        profile = saved(profile, rest[:size])
        rest = rest[size:]
    return profile


@pytest.mark.timeout(300 * TIMES)
@histories(120)
@given(history=OF_AN_OPEN_ONE, data=st.data())
def test_all_orders_and_batches_within_the_days_of_duplicates_come_to_the_same(history, data):
    history = [each._replace(altered=False, after=each.after / 24) for each in history]
    deliveries, log = written(history)
    first = deliveries[0].arrived.date()
    deliveries = [each for each in deliveries if each.arrived.date() - first <= FORGOTTEN]
    users, _ = plain_fold.fold(deliveries, IN_WORDS)
    counted = plain_fold.values(users["anna"], IN_WORDS) if users else {}
    yesterday = deliveries[-1].arrived.date() - timedelta(days=1)
    for told in orders(arrivals(log, deliveries, placed=False), data.draw):
        profile = folded_in_batches(told, data.draw)
        assert visible(known(profile), yesterday) == visible(counted, yesterday)


@pytest.mark.timeout(300 * TIMES)
@histories(250)
@given(history=OF_ONE, data=st.data())
def test_a_history_in_any_batches_delivered_again_comes_to_what_the_documentation_says(
    history, data
):
    deliveries, log = written(history)
    profile, done = Profile("anna"), 0
    while done < len(deliveries):
        last = done + data.draw(st.integers(1, len(deliveries) - done))
        ends = [at for at in range(done + 1, last) if (0, at) in log.first_of_a_batch]
        done, batch = (ends or [last])[0], deliveries[done : (ends or [last])[0]]
        profile = saved(profile, arrivals(log, batch, placed=True))
        again = deliveries[data.draw(st.integers(0, done - 1)) : done]
        assert saved(profile, arrivals(log, again, placed=True)) is profile
        users, _ = plain_fold.fold(deliveries[:done], IN_WORDS)
        user = users.get("anna", plain_fold.User())
        assert known(profile) == plain_fold.values(user, IN_WORDS)
        assert lifecycle.is_erased(profile.state.marks) == user.is_erased
