"""What becomes of a user's banners, for whoever asks the API or the command line."""

from datetime import date

import sqlalchemy as sa

from quadrupel.core.arbitration import Standing
from quadrupel.core.profiles import Profile
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.standings import standings
from quadrupel.store import published, rule_holds


def standings_of(
    connection: sa.Connection, rule_set: RuleSet, profile: Profile, today: date
) -> dict[str, Standing]:
    """Where the banners of rules that hold for a user are shown and why not elsewhere, by rule."""
    held = rule_holds.withheld(connection, [rule_set.hash]).get(rule_set.hash, ())
    state = published.states(connection, [profile.user_id])[profile.user_id]
    return standings(rule_set, profile, today, {match.rule for match in state.open_matches}, held)
