import pytest

from quadrupel.core.contacts import Contact, Suppression, address_hash, obstacle

ANNA = Contact("anna", "anna@example.org", "en", {"email": True})


def suppression(address):
    return Suppression("anna", "email", address_hash(address), "550 no such user")


@pytest.mark.parametrize(
    ("contact", "suppressed", "reason"),
    [
        (ANNA, None, None),
        (None, None, "no address"),
        (Contact("anna", None, "en", {"email": True}), None, "no address"),
        (Contact("anna", "", "en", {"email": True}), None, "no address"),
        (Contact("anna", "anna@example.org"), None, "no consent"),
        (Contact("anna", "anna@example.org", "en", {"email": False}), None, "no consent"),
        (Contact("anna", "anna@example.org", "en", {"push": True}), None, "no consent"),
        (
            ANNA,
            suppression("anna@example.org"),
            "the address was refused before: 550 no such user",
        ),
        (ANNA, suppression("anna@former.example.org"), None),
    ],
)
def test_an_email_needs_an_address_a_consent_and_no_refusal_of_that_address(
    contact, suppressed, reason
):
    assert obstacle("email", contact, suppressed) == reason


def test_what_the_citizen_refused_is_not_sent_by_email_whatever_other_systems_consent_to():
    assert obstacle("email", ANNA, None, refused=True) == "the citizen refused these e-mails"
    assert obstacle("webhook:crm", ANNA, None, refused=True) is None


def test_a_webhook_needs_no_contact():
    assert obstacle("webhook:crm", None, None) is None
