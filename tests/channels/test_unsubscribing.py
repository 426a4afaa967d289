import re

import pytest
from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer

from quadrupel.channels.unsubscribing import UnsubscribeTokens, Unsubscription, links
from quadrupel.core.refusals import EVERYTHING, MAILINGS

OLD, NEW, OTHER = "old-" + "o" * 32, "new-" + "n" * 32, "other-" + "x" * 32


@pytest.mark.parametrize("kind", [MAILINGS, EVERYTHING, "rule:" + "x" * 64])
@pytest.mark.parametrize("user", ["anna", "u" * 64, "a.b-c_d:e"])
def test_a_token_says_who_refuses_what_and_fits_a_link(user, kind):
    tokens = UnsubscribeTokens([NEW])
    token = tokens.write(user, kind)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,300}", token)
    assert tokens.read(token) == Unsubscription(user, kind)


def test_secrets_are_replaced_one_after_the_other():
    old = UnsubscribeTokens([OLD]).write("anna", MAILINGS)
    both = UnsubscribeTokens([NEW, OLD])
    new = both.write("anna", MAILINGS)
    assert both.read(old) == both.read(new) == Unsubscription("anna", MAILINGS)
    only_new = UnsubscribeTokens([NEW])
    assert only_new.read(new) == Unsubscription("anna", MAILINGS), "the newest one signs"
    assert only_new.read(old) is None


def hostile():
    good = UnsubscribeTokens([NEW]).write("anna", MAILINGS)
    payload, _, signature = good.partition(".")
    others = UnsubscribeTokens([NEW]).write("boris", MAILINGS)
    return {
        "empty": "",
        "a point": ".",
        "cut": good[:-1],
        "without a signature": payload,
        "an empty signature": f"{payload}.",
        "longer": f"{good}A",
        "with a line break": f"{good}\n",
        "with a NUL": f"{good}\0",
        "not ASCII": f"{good}ж",
        "a lone surrogate": f"{good}\ud800",
        "very long": "A" * 100_000,
        "another user's payload": f"{others.partition('.')[0]}.{signature}",
        "of another secret": UnsubscribeTokens([OTHER]).write("anna", MAILINGS),
        "of another salt": URLSafeSerializer(NEW, salt="x").dumps(["anna", MAILINGS]),
        "of no salt": URLSafeSerializer(NEW).dumps(["anna", MAILINGS]),
        "of a timed signer": URLSafeTimedSerializer(NEW).dumps(["anna", MAILINGS]),
    }


@pytest.mark.parametrize("token", hostile().values(), ids=hostile())
def test_what_no_secret_signed_is_no_token(token):
    assert UnsubscribeTokens([NEW, OLD]).read(token) is None


def test_without_secrets_nothing_is_a_token():
    nobody = UnsubscribeTokens([])
    assert nobody.read(UnsubscribeTokens([NEW]).write("anna", MAILINGS)) is None
    assert nobody.read(UnsubscribeTokens([""]).write("anna", MAILINGS)) is None


def test_a_link_is_below_where_the_api_is_reached():
    tokens = UnsubscribeTokens([NEW])
    link = links("https://portal.example/api", tokens)("anna", MAILINGS)
    start = "https://portal.example/api/v1/unsubscribe/"
    assert link.startswith(start)
    assert tokens.read(link.removeprefix(start)) == Unsubscription("anna", MAILINGS)
