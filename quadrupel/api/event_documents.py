"""What /openapi.json says of an event: every limit that a JSON schema can express."""

from quadrupel.api.json_schema import Fields, object_, reference, text
from quadrupel.core.events import MAX_ID, MAX_SOURCE, YEARS
from quadrupel.core.feedback import SOURCE, TYPES

USER_ID = r"^[A-Za-z0-9._:@-]{1,64}$"

EXAMPLE: Fields = {
    "specversion": "1.0",
    "id": "9f1c2a77-1",
    "source": "/registry/transport",
    "type": "document.issued",
    "subject": "u0000123456",
    "time": "2026-11-23T10:00:00Z",
    "data": {"kind": "driving_licence", "issued": "2026-11-23", "expires": "2036-11-23"},
}

_PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_WITHOUT_NUL = r"^[^\u0000]*$"
_JSON_MEDIA_TYPE = (
    r"^((application|text)/json|[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+[+]json) *(;.*)?$"
)

SCHEMAS: Fields = {
    "Event": object_(
        ["specversion", "id", "source", "type", "subject", "time"],
        {
            "specversion": {"const": "1.0"},
            "id": text(
                "with source, what makes the event itself",
                maxLength=MAX_ID,
                minLength=1,
                pattern=_PRINTABLE,
            ),
            "source": {
                **text("who reports it", maxLength=MAX_SOURCE, minLength=1, pattern=_PRINTABLE),
                "not": {"const": SOURCE},
            },
            "type": {
                **text("what happened", pattern="^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"),
                "not": {"enum": [*TYPES]},
            },
            "subject": text("the user id", pattern=USER_ID),
            "time": text(
                "when it became true, with an offset; in the years"
                f" {YEARS.start} to {YEARS.stop - 1}, and not in the future",
                format="date-time",
            ),
            "datacontenttype": {"type": ["string", "null"], "pattern": _JSON_MEDIA_TYPE},
            "data": {
                "oneOf": [reference("Facts"), {"type": "null"}],
                "description": "the facts; 8 levels at most",
            },
        },
        description="One fact about one user: a CloudEvents 1.0 JSON event of at most 64 KiB."
        " Extension attributes are checked and left out.",
        propertyNames={"pattern": "^[a-z0-9]+$"},
        additionalProperties={"type": ["string", "integer", "boolean", "null"]},
        examples=[EXAMPLE],
    ),
    "Facts": {
        "type": "object",
        "propertyNames": {"pattern": _WITHOUT_NUL},
        "additionalProperties": reference("Fact"),
    },
    "Fact": {
        "anyOf": [
            {"type": "string", "pattern": _WITHOUT_NUL},
            {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
            {"type": "number", "not": {"type": "integer"}},
            {"type": ["boolean", "null"]},
            {"type": "array", "items": reference("Fact")},
            reference("Facts"),
        ]
    },
}
