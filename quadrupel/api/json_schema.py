"""JSON schemas, of which the documents of the API are put together."""

from collections.abc import Sequence
from typing import Any

Fields = dict[str, Any]


def text(description: str, **more: object) -> Fields:
    """A text."""
    return {"type": "string", "description": description, **more}


def object_(required: Sequence[str], properties: Fields, **more: object) -> Fields:
    """An object that has at least the required ones of its properties."""
    return {"type": "object", "required": list(required), "properties": properties, **more}


def reference(schema: str) -> Fields:
    """A schema of the document, by its name."""
    return {"$ref": f"#/components/schemas/{schema}"}
