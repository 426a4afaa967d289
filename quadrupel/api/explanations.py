"""What /openapi.json says of explanations."""

from quadrupel.api.json_schema import Fields, object_, reference, text
from quadrupel.core.arbitration import Why
from quadrupel.core.banners import CLIENTS

EXAMPLE: Fields = {
    "user_id": "u0000123456",
    "profile_version": 7,
    "as_of": "2026-11-23",
    "rules": [
        {
            "rule": "tax_due_soon",
            "description": "An assessed tax is to be paid within a month.",
            "verdict": "match",
            "deadline": "2026-12-02",
            "deadline_is_exact": True,
            "because": ["between(user.tax_due, today, today + months(1)) is true"],
            "inputs": [
                {
                    "attribute": "tax_due",
                    "doc": "The day by which the assessed tax is to be paid",
                    "value": "2026-12-01",
                    "event": "tax.assessed",
                    "time": "2026-09-20T09:30:00Z",
                }
            ],
            "clause": {
                "text": "between(user.tax_due, today, today + months(1))",
                "line": 21,
                "value": True,
                "decides": True,
            },
            "banner": {
                "placement": "main",
                "clients": ["web"],
                "losses": [
                    {
                        "why": "limit",
                        "clients": ["ios", "android"],
                        "to": ["court_hearing_soon", "fine_overdue"],
                        "said": "no room in main, court_hearing_soon and fine_overdue come before"
                        " it",
                    }
                ],
            },
        },
    ],
}


def _clients(description: str) -> Fields:
    return {"type": "array", "items": {"enum": [*CLIENTS]}, "description": description}


SCHEMAS: Fields = {
    "Clause": object_(
        ["text", "line", "value", "decides"],
        {
            "text": text("the clause in the words of the rule language"),
            "line": {"type": "integer", "description": "of the rule script"},
            "value": {"description": "what it came to; null is unknown"},
            "decides": {"type": "boolean", "description": "it made the clause above what it is"},
            "error": text("why it has no value"),
            "clauses": {"type": "array", "items": reference("Clause")},
        },
    ),
    "Explanation": object_(
        [
            *("rule", "verdict", "deadline", "deadline_is_exact", "because", "inputs", "clause"),
            "banner",
        ],
        {
            "rule": text("the rule"),
            "description": text("what it is about"),
            "verdict": {"enum": ["match", "no_match", "unknown", "error"]},
            "deadline": {
                "type": ["string", "null"],
                "format": "date",
                "description": "the first day the verdict can change without an event",
            },
            "deadline_is_exact": {"type": "boolean", "description": "it changes on that day"},
            "because": {"type": "array", "items": text("a clause that decides")},
            "inputs": {
                "type": "array",
                "items": object_(
                    ["attribute", "value"],
                    {
                        "attribute": text("the attribute"),
                        "doc": text("what it is"),
                        "value": {
                            "description": "null if missing; of a windowed count: count, days"
                        },
                        "event": {"type": ["string", "null"], "description": "what brought it"},
                        "time": {"type": ["string", "null"], "format": "date-time"},
                    },
                ),
            },
            "clause": reference("Clause"),
            "banner": {
                "oneOf": [reference("Standing"), {"type": "null"}],
                "description": "null while the rule does not hold, and of one without a banner",
            },
        },
    ),
    "Standing": object_(
        ["placement", "clients", "losses"],
        {
            "placement": text("where it belongs"),
            "clients": _clients("that show it"),
            "losses": {
                "type": "array",
                "items": object_(
                    ["why", "clients", "to", "said"],
                    {
                        "why": {"enum": [each.value for each in Why]},
                        "clients": _clients("that do not show it"),
                        "to": {"type": "array", "items": text("a rule it gave way to")},
                        "said": text("why, in words"),
                    },
                ),
            },
            "variant": {
                "type": ["string", "null"],
                "description": "of its rule's variants, the one that the user reads; null where it"
                " is not shown or there are none",
            },
            "dismissed": {
                "oneOf": [reference("Dismissal"), {"type": "null"}],
                "description": "by the citizen, if that is why it is not shown",
            },
        },
        description="Where the banner of a rule that holds is shown, and why not elsewhere.",
    ),
    "Dismissal": object_(
        ["on", "until"],
        {
            "on": text("the day (UTC)", format="date"),
            "until": {
                "type": ["string", "null"],
                "format": "date",
                "description": "the first day on which it may be shown again; null: as long as the"
                " episode goes on",
            },
        },
    ),
    "Explanations": object_(
        ["user_id", "profile_version", "as_of", "rules"],
        {
            "user_id": text("the user"),
            "profile_version": {"type": "integer"},
            "as_of": text("the day", format="date"),
            "rules": {"type": "array", "items": reference("Explanation")},
        },
        examples=[EXAMPLE],
    ),
}
