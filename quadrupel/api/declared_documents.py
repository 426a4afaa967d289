"""What /openapi.json says of what analysts declare: placements and clients, and the languages.

It changes while the API runs, as rules are read again, so it is put into the document when somebody
asks for it. Rules are left out: their names are for those who are shown their banners.
"""

import copy
import re
from collections.abc import Iterator, Sequence

from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.json_schema import Fields


def with_declared(document: Fields, texts: BannerTexts, languages: Sequence[str]) -> Fields:
    """The document with the values that are taken now; the given one is left as it is."""
    schemas: Fields = {
        "placement": {"type": "string", "enum": list(texts.placements)},
        "client": {"type": "string", "enum": list(texts.clients)},
        "locale": {"type": "string", "pattern": locale_pattern(languages)},
    }
    made = copy.deepcopy(document)
    for parameter in _parameters(made):
        if parameter["in"] == "query" and parameter["name"] in schemas:
            parameter["schema"] = schemas[parameter["name"]]
    contact = made["components"]["schemas"]["Contact"]
    contact["properties"]["language"] = {"enum": [*languages, None]}
    return made


def locale_pattern(languages: Sequence[str]) -> str:
    """Which locales have texts: a language with any region, in capitals or not (see `choose`)."""
    names = sorted({re.split("[-_]", language)[0].lower() for language in languages})
    spelt = ("".join(f"[{each}{each.upper()}]" for each in name) for name in names)
    return f"^({'|'.join(spelt)})([-_].*)?$"


def _parameters(document: Fields) -> Iterator[Fields]:
    for operations in document["paths"].values():
        for operation in operations.values():
            yield from operation.get("parameters", ())
