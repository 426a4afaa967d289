"""What the document says is taken is what is taken."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from quadrupel.api.declared_documents import locale_pattern, with_declared
from quadrupel.api.languages import choose
from quadrupel.api.token_keys import TokenKeys
from quadrupel.core.errors import InputRefused
from quadrupel.rules.placements import Placement

from .conftest import TEXTS, application

LANGUAGES = ("en", "pt-BR", "ru")


@pytest.mark.parametrize(
    "locale",
    [
        *("en", "EN", "en-GB", "en_us", "pt", "pt-BR", "pt-PT", "ru-Cyrl-RU", "en-", "en-é"),
        *("", "e", "eng", "english", "fr", "-en", "en GB", "*", "null", " en", "en,ru", "en\n"),
    ],
)
def test_the_pattern_of_locales_is_what_is_understood(locale: str) -> None:
    try:
        understood = bool(choose(locale, "", LANGUAGES))
    except InputRefused:
        understood = False
    assert bool(re.fullmatch(locale_pattern(LANGUAGES), locale)) == understood


def parameters(document: dict) -> dict[str, dict]:
    reads = document["paths"]["/v1/me/banners"]["get"]["parameters"]
    return {each["name"]: each["schema"] for each in reads}


def test_the_document_names_the_placements_and_clients_that_are_declared(api) -> None:
    document = api.client.get("/openapi.json").json()
    assert parameters(document)["placement"] == {"type": "string", "enum": ["main", "side", "app"]}
    assert parameters(document)["client"]["enum"] == list(TEXTS.clients)
    language = document["components"]["schemas"]["Contact"]["properties"]["language"]
    assert language == {"enum": ["en", "ru", None]}
    assert "summons" in TEXTS.banners
    assert "summons" not in str(document)


def test_what_is_given_is_left_as_it_is(api) -> None:
    document = api.client.get("/openapi.json").json()
    before = str(document)
    made = with_declared(document, TEXTS, ("tlh",))
    assert parameters(made)["locale"] != parameters(document)["locale"]
    assert str(document) == before


class CountedPlacements(dict[str, Placement]):
    """Placements that count how often they are written."""

    written = 0

    def __iter__(self) -> Iterator[str]:
        self.written += 1
        return super().__iter__()


def test_it_is_written_once_for_what_is_declared_and_again_when_that_changes() -> None:
    async def load() -> bytes:
        raise httpx.ConnectError("refused")

    placements = CountedPlacements(TEXTS.placements)
    texts = replace(TEXTS, placements=placements)

    async def story() -> None:
        nonlocal texts
        app = application(token_keys=TokenKeys(load), texts=lambda: texts)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            first = await client.get("/openapi.json")
            written = placements.written
            for _ in range(3):
                again = await client.get("/openapi.json")
                assert (again.content, again.headers["content-type"]) == (
                    first.content,
                    "application/json",
                )
            assert placements.written == written
            texts = replace(texts, placements={"top": TEXTS.placements["main"]}, digest="texts-2")
            other = (await client.get("/openapi.json")).json()
            assert parameters(other)["placement"]["enum"] == ["top"]

    asyncio.run(story())
