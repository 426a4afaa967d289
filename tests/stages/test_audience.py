"""Whom the audience of a mailing has, on a real database."""

from dataclasses import replace

import pytest

from quadrupel.core.contacts import Contact
from quadrupel.core.errors import DeclarationRefused, NotFound
from quadrupel.core.mailings import Audience
from quadrupel.core.refusals import MAILINGS
from quadrupel.rules.holidays import Holidays
from quadrupel.stages.audience import Recipient, open_audience, survey
from quadrupel.store import contacts, mailings, refusals
from quadrupel.store.database import transaction

from .conftest import NOW, TODAY
from .spring_mailing import MUSCOVITES, RULES, SPRING, create, erase


def everyone(pages, after=None):
    return [recipient for page in pages(after) for recipient in page.recipients]


def test_an_expression_chooses_users_in_the_order_of_their_ids(population):
    pages = open_audience(population, RULES, SPRING, ["region"])
    assert everyone(pages) == [Recipient(user, {"region": "77"}) for user in MUSCOVITES]
    assert [each.user_id for each in everyone(pages, "user14")] == ["user16", "user18"]
    assert sum(page.looked_at for page in pages(None)) == 20


def test_an_expression_may_ask_for_holidays(population):
    rules = replace(RULES, holidays=Holidays((TODAY,)))
    for expression, users in (("is_holiday(today)", 20), ("not is_holiday(today)", 0)):
        given = replace(SPRING, audience=Audience(expression=expression))
        assert len(everyone(open_audience(population, rules, given, []))) == users


def test_a_user_who_lacks_what_the_template_shows_is_counted_and_left_out(population):
    given = replace(SPRING, audience=Audience(expression="True"))
    pages = open_audience(population, RULES, given, ["children"])
    found = everyone(pages)
    assert [each.values["children"] for each in found[:2]] == ["1", "0"], "no event is a count of 0"
    with transaction(population) as connection:
        connection.exec_driver_sql("UPDATE profiles SET region = NULL WHERE user_id = 'user04'")
    pages = open_audience(population, RULES, given, ["region"])
    assert "user04" not in [each.user_id for each in everyone(pages)]
    assert survey(population, pages(None), "email").incomplete == 1


def test_a_list_reaches_users_with_and_without_a_profile(population):
    given = create(
        population, replace(SPRING, audience=Audience(users=True)), ["user04", "stranger", "user02"]
    )
    assert everyone(open_audience(population, RULES, given, ())) == [
        Recipient(user, {}) for user in ("stranger", "user02", "user04")
    ]
    pages = open_audience(population, RULES, given, ["region"])
    assert [each.user_id for each in everyone(pages)] == ["user02", "user04"]


def test_an_erased_user_is_in_no_audience(population):
    listed = create(
        population, replace(SPRING, audience=Audience(users=True)), ["user02", "user04"]
    )
    erase(population, "user02")
    with transaction(population) as connection:
        mailings.add_users(connection, "another", ["user02", "user06"])
    another = replace(listed, name="another")
    for given in (SPRING, replace(SPRING, audience=Audience(expression="True")), listed, another):
        pages = open_audience(population, RULES, given, ())
        found = [each.user_id for each in everyone(pages)]
        assert found
        assert "user02" not in found


@pytest.mark.parametrize(
    ("chosen", "error", "says"),
    [
        (Audience(rule="newly_moved"), NotFound, "there is no rule newly_moved"),
        (Audience(expression="user.regio == '77'"), DeclarationRefused, "did you mean region?"),
        (Audience(expression="user.region =="), DeclarationRefused, "^"),
        (Audience(expression="user.children + 1"), DeclarationRefused, "expression:1:1"),
        (Audience(expression="__import__('os')"), DeclarationRefused, "expression:1:1"),
        (Audience(expression=""), DeclarationRefused, "this is not one expression"),
    ],
)
def test_an_audience_that_cannot_be_is_refused(population, chosen, error, says):
    with pytest.raises(error) as refused:
        open_audience(population, RULES, replace(SPRING, audience=chosen), ())
    assert says in str(refused.value)


def test_a_survey_counts_who_refused_mailings_as_one_who_is_not_written_to(population):
    reached = [Contact(f"user{n:02}", "a@x.example", "ru", {"email": True}) for n in (0, 2, 4)]
    with transaction(population) as connection:
        contacts.save(connection, reached, NOW)
        refusals.remember(connection, "user00", "email", MAILINGS, NOW)
        refusals.remember(connection, "user02", "email", "rule:spring", NOW)
    pages = open_audience(population, RULES, SPRING, ["region"])
    found = survey(population, pages(None), "email")
    assert (found.recipients, found.reachable) == (10, 2)
    assert found.obstacles == {"the citizen refused these e-mails": 1, "no address": 7}
    assert survey(population, pages(None), "webhook:crm").reachable == 10


def test_a_survey_says_who_can_be_reached_and_keeps_samples(population):
    reached = Contact("user00", "a@example.org", "ru", {"email": True})
    silent = Contact("user02", "b@example.org", "ru", {"email": False})
    with transaction(population) as connection:
        contacts.save(connection, [reached, silent], NOW)
    pages = open_audience(population, RULES, SPRING, ["region"])
    looked_at = []
    found = survey(population, pages(None), "email", 2, looked_at.append)
    assert (found.recipients, found.reachable) == (10, 1)
    assert found.obstacles == {"no consent": 1, "no address": 8}
    assert [each.user_id for each in found.samples] == ["user00", "user02"]
    assert sum(looked_at) == 20
    assert survey(population, pages(None), "webhook:crm").reachable == 10
