"""Explanations as JSON: what the command line prints and the API answers."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from quadrupel.core.arbitration import Standing
from quadrupel.core.dismissals import NEVER_BACK, Dismissal
from quadrupel.core.profiles import Profile
from quadrupel.core.values import to_text
from quadrupel.rules.explain import Clause, Explanation, Origin
from quadrupel.rules.standings import said
from quadrupel.rules.value_forms import as_json


def explanations_json(
    profile: Profile,
    as_of: date,
    explanations: Sequence[Explanation],
    standings: Mapping[str, Standing],
) -> dict[str, Any]:
    """Why rules say what they say of one user on one day, and what becomes of their banners."""
    return {
        "user_id": profile.user_id,
        "profile_version": profile.version,
        "as_of": as_of.isoformat(),
        "rules": [_explanation(each, standings.get(each.rule.id)) for each in explanations],
    }


def _explanation(explanation: Explanation, standing: Standing | None) -> dict[str, Any]:
    deadline = explanation.deadline
    return {
        "rule": explanation.rule.id,
        "description": explanation.rule.description,
        "verdict": explanation.verdict.value,
        "deadline": deadline.day and deadline.day.isoformat(),
        "deadline_is_exact": deadline.exact,
        "because": list(explanation.because),
        "inputs": [_origin(origin) for origin in explanation.origins],
        "clause": _clause(explanation.clause),
        "banner": standing and _banner(standing),
    }


def _banner(standing: Standing) -> dict[str, Any]:
    return {
        "placement": standing.placement,
        "clients": list(standing.clients),
        "losses": [
            {
                "why": loss.why.value,
                "clients": list(loss.clients),
                "to": list(loss.to),
                "said": said(standing, loss),
            }
            for loss in standing.losses
        ],
        "variant": standing.variant,
        "dismissed": standing.dismissal and _dismissal(standing.dismissal),
    }


def _dismissal(dismissal: Dismissal) -> dict[str, Any]:
    until = None if dismissal.until == NEVER_BACK else dismissal.until.isoformat()
    return {"on": dismissal.on.isoformat(), "until": until}


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "attribute": origin.attribute,
        "doc": origin.doc,
        "value": as_json(origin.value),
        "event": origin.event,
        "time": origin.time and to_text(origin.time),
    }


def _clause(clause: Clause) -> dict[str, Any]:
    """A clause; leaves have no clauses, and what has no error no `error`."""
    told: dict[str, Any] = {
        "text": clause.text,
        "line": clause.line,
        "value": as_json(clause.value),
        "decides": clause.decides,
    }
    if clause.error is not None:
        told["error"] = clause.error
    if clause.clauses:
        told["clauses"] = [_clause(each) for each in clause.clauses]
    return told
