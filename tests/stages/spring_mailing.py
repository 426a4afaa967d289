"""A mailing to the citizens of one region, and those around it."""

from quadrupel.core import lifecycle
from quadrupel.core.mailings import Audience, Mailing, MailingState
from quadrupel.core.profiles import FoldState, Profile
from quadrupel.rules.catalogue import RuleSet
from quadrupel.store import erasure, mailings
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import NOW, SCHEMA, TODAY

RULES = RuleSet(SCHEMA, {}, {}, "hash")


SPRING = Mailing(
    name="spring",
    audience=Audience(expression='user.region == "77"'),
    channel="email",
    template="news",
    rate=1_000,
    state=MailingState.SENDING,
    as_of=TODAY,
    audience_size=0,
    cursor=None,
    queued=0,
    created_at=NOW,
    updated_at=NOW,
)


MUSCOVITES = [f"user{number:02}" for number in range(0, 20, 2)]


def create(engine, given, users=()):
    with transaction(engine) as connection:
        mailings.create(connection, given)
        mailings.add_users(connection, given.name, users)
    return given


def state(engine, name="spring"):
    with transaction(engine) as connection:
        return mailings.get(connection, name)


def erase(engine, user):
    marks = {lifecycle.ERASED_TAG: (0, 1, lifecycle.ERASED_TAG)}
    gone = Profile(user, 2, {}, FoldState(marks))
    with transaction(engine) as connection:
        ProfileStore(SCHEMA).write(connection, [gone], NOW)
        erasure.erase(connection, [gone], NOW)
