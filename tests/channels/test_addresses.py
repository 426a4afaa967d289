import pytest

from quadrupel.channels.addresses import read_contact, read_phone, read_time_zone
from quadrupel.core.contacts import Contact
from quadrupel.core.errors import InputRefused

NOTHING = {"email": None, "phone": None, "language": None, "time_zone": None, "consents": {}}


def contact(**given):
    return read_contact("anna", **{**NOTHING, **given}, languages=("en", "ru"))


def reason(read, *arguments, **given):
    with pytest.raises(InputRefused) as refused:
        read(*arguments, **given)
    return refused.value.reason, refused.value.detail


def test_a_contact_is_kept_in_its_canonical_form():
    assert contact() == Contact("anna")
    assert contact(
        email="Anna@Example.org",
        phone="+7 912 345-67-89",
        language="ru",
        time_zone="Europe/Moscow",
        consents={"email": True, "sms": False},
    ) == Contact(
        "anna",
        "Anna@example.org",
        "ru",
        {"email": True, "sms": False},
        "+79123456789",
        "Europe/Moscow",
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("+79123456789", "+79123456789"),
        ("+7 (912) 345-67-89", "+79123456789"),
        ("+44 20/7946.0018", "+442079460018"),
        ("+1 202 555 0123", "+12025550123"),
        ("+800 1234 5678", "+80012345678"),
    ],
)
def test_a_phone_is_read_as_people_write_it_and_kept_as_e164(text, kept):
    assert read_phone(text) == kept


BAD_PHONES = [
    "",
    "+",
    "+1",
    "89123456789",
    "79123456789",
    "00 7 912 345 67 89",
    "+7912345678",
    "+791234567890",
    "+99912345678",
    "+70000000000",
    "++79123456789",
    "+7912345678９",
    "＋79123456789",
    "+٧٩١٢٣٤٥٦٧٨٩",
    "+1800FLOWERS",
    "+12025550123 ext 5",
    "+12025550123;ext=5",
    "tel:+79123456789",
    "+79123456789\n",
    "+79123456789\0",
    " +79123456789",
    "+7" + "9" * 10_000,
    "+" + " " * 10_000 + "79123456789",
]


@pytest.mark.parametrize("text", BAD_PHONES, ids=lambda text: repr(text)[:30])
def test_what_is_no_telephone_number_with_its_country_is_refused_and_not_repeated(text):
    assert reason(read_phone, text) == (
        "wrong-phone",
        "phone is not a number with + and the code of its country",
    )


@pytest.mark.parametrize("name", ["Europe/Moscow", "UTC", "America/Argentina/Buenos_Aires"])
def test_a_time_zone_is_a_name_of_the_iana_database(name):
    assert read_time_zone(name) == name


BAD_ZONES = [
    "",
    "Europe",
    "europe/moscow",
    "Moscow",
    "+03:00",
    "UTC+3",
    "UTC\0",
    "UTC\n",
    "../etc/passwd",
    "../../etc/passwd",
    "/etc/localtime",
    "Europe/..",
    "Europe/../Europe/Moscow",
    "./Europe/Moscow",
    "Europe/Moscow/",
    "Europe//Moscow",
    "Europe\\Moscow",
    "EUROPE/MOSCOW",
    " Europe/Moscow",
    "Europe/Moscow\n",
    "Еurope/Moscow",
    "posix/Europe/Moscow",
    "right/Europe/Moscow",
    "posixrules",
    "tzdata.zi",
    "zone.tab",
    "America/" * 40,
    "localtime",
    "Factory",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", BAD_ZONES, ids=lambda name: repr(name)[:30])
def test_any_other_time_zone_is_refused(name):
    assert reason(read_time_zone, name)[0] == "unknown-time-zone"


@pytest.mark.parametrize(
    "consents",
    [
        {"": True},
        {"E-mail": True},
        {"sms\n": True},
        {"anna@example.org": True},
        {"c" * 33: True},
        {f"c{n}": True for n in range(17)},
    ],
    ids=lambda consents: repr(consents)[:30],
)
def test_consents_are_by_channel(consents):
    assert reason(contact, consents=consents) == (
        "wrong-contact",
        "consents are by channel, like email",
    )


def test_a_language_nothing_is_written_in_is_refused():
    assert reason(contact, language="fr") == ("unknown-language", "the languages are en, ru")
