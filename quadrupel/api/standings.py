"""What becomes of a user's banners, for whoever asks the API or the command line."""

from datetime import date
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from quadrupel.core.arbitration import Standing
from quadrupel.core.dismissals import NOTHING_DISMISSED, dismissals
from quadrupel.core.profiles import Profile
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.offered import offers
from quadrupel.rules.standings import standings
from quadrupel.store import banner_feedback, published, rule_holds


def standings_of(
    connection: sa.Connection, rule_set: RuleSet, profile: Profile, today: date, own: ZoneInfo
) -> dict[str, Standing]:
    """Where the banners of rules that hold for a user are shown and why not elsewhere, by rule.

    What the user dismissed is of the episodes that go on now, whatever day `today` is.
    `own` is the time zone of users who have none of their own.
    """
    user_id = profile.user_id
    held = rule_holds.silent(connection, rule_set.identities)
    matches = published.states(connection, [user_id])[user_id].open_matches
    of_users = banner_feedback.dismissed(connection, [user_id], own)
    dismissed = of_users.get(user_id, NOTHING_DISMISSED)
    catalogue, open_rules = offers(rule_set), {match.rule for match in matches}
    away = dismissals(matches, dismissed, catalogue, today)
    return standings(rule_set, catalogue, profile, today, open_rules, held, away)
