"""What became of exposures, counted by rule and arm: each user once, in the first arm there was."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import LiteralString

import sqlalchemy as sa

from quadrupel.core.experiments import SHOWN
from quadrupel.core.reports import Counts
from quadrupel.store.database import driver

# Who clicked or dismissed a banner has seen it, whatever the page told of that.
_EXPOSED: LiteralString = """
    SELECT rule, arm, count(*), count(*) FILTER (WHERE shown), count(*) FILTER (WHERE seen),
        count(*) FILTER (WHERE clicked), count(*) FILTER (WHERE dismissed),
        count(*) FILTER (WHERE reached), min(since)
    FROM (
        SELECT exposures.user_id, exposures.rule, min(exposures.since) AS since,
            (array_agg(arm ORDER BY exposures.since, exposures.episode))[1] AS arm,
            bool_or(shown_at IS NOT NULL) AS shown,
            bool_or(shown_at IS NOT NULL
                AND coalesce(first_seen, first_clicked, first_dismissed) IS NOT NULL) AS seen,
            bool_or(shown_at IS NOT NULL AND first_clicked IS NOT NULL) AS clicked,
            bool_or(shown_at IS NOT NULL AND first_dismissed IS NOT NULL) AS dismissed,
            bool_or(goal_at IS NOT NULL) AS reached
        FROM exposures LEFT JOIN banner_feedback AS feedback
            ON feedback.user_id = exposures.user_id AND feedback.rule = exposures.rule
            AND feedback.episode = exposures.episode
        WHERE exposures.rule = ANY (%(rules)s) AND exposures.since >= %(since)s
        GROUP BY exposures.user_id, exposures.rule
    ) AS users
    GROUP BY rule, arm
"""
_MATCHED: LiteralString = """
    SELECT rule, %(shown)s, count(*), NULL::bigint, count(*) FILTER (WHERE seen),
        count(*) FILTER (WHERE clicked), count(*) FILTER (WHERE dismissed), 0,
        min(opened_on)::timestamp AT TIME ZONE 'UTC'
    FROM (
        SELECT matches.user_id, matches.rule, min(opened_on) AS opened_on,
            bool_or(coalesce(first_seen, first_clicked, first_dismissed) IS NOT NULL) AS seen,
            bool_or(first_clicked IS NOT NULL) AS clicked,
            bool_or(first_dismissed IS NOT NULL) AS dismissed
        FROM matches LEFT JOIN banner_feedback AS feedback
            ON feedback.user_id = matches.user_id AND feedback.rule = matches.rule
            AND feedback.episode = matches.episode
        WHERE matches.rule = ANY (%(rules)s) AND opened_on >= %(since_day)s
        GROUP BY matches.user_id, matches.rule
    ) AS users
    GROUP BY rule
"""
_EVER = date(1970, 1, 1)


def exposed(
    connection: sa.Connection, rules: Sequence[str], since: date | None = None
) -> dict[str, dict[str, Counts]]:
    """By rule and arm, who was exposed since a day (UTC)."""
    return _counts(connection, _EXPOSED, rules, since)


def matched(
    connection: sa.Connection, rules: Sequence[str], since: date | None = None
) -> dict[str, dict[str, Counts]]:
    """By rule, for whom rules began to hold since a day, of rules that record no exposures.

    All users are in one arm, and where a banner found a place is not known.
    """
    return _counts(connection, _MATCHED, rules, since)


def _counts(
    connection: sa.Connection, query: LiteralString, rules: Sequence[str], since: date | None
) -> dict[str, dict[str, Counts]]:
    day = since or _EVER
    start = datetime.combine(day, time(), UTC)
    asked = {"rules": list(rules), "since": start, "since_day": day, "shown": SHOWN}
    found: dict[str, dict[str, Counts]] = {}
    for rule, arm, *counts in driver(connection).execute(query, asked):
        found.setdefault(rule, {})[arm] = Counts(*counts)
    return found
