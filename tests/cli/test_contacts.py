import json
from datetime import UTC, datetime

import pytest

from quadrupel.core.contacts import Contact, Suppression
from quadrupel.core.refusals import EVERYTHING, MAILINGS
from quadrupel.store import contacts, refusals
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

HEADER = "user_id,email,language,consent_email\n"


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "contacts.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_contacts_are_imported_and_shown(quadrupel, migrated_url, file):
    content = HEADER + "anna,Anna@Example.org,ru,true\nboris,,,false\n"
    imported = quadrupel("contacts", "import", file(content), database_url=migrated_url)
    assert imported.code == 0
    assert imported.out == "2 rows taken for 2 users\n"
    shown = quadrupel("contacts", "show", "anna", "--json")
    assert json.loads(shown.out) == {
        "user_id": "anna",
        "email": "Anna@example.org",
        "phone": None,
        "language": "ru",
        "time_zone": None,
        "consents": {"email": True},
        "refused": {},
        "refusals": [],
    }
    assert "email      -" in quadrupel("contacts", "show", "boris").out
    assert "no contact of 'clara'" in quadrupel("contacts", "show", "clara").err
    assert "no address of 'anna' was refused" in quadrupel("contacts", "allow", "anna").err


def test_what_a_citizen_refused_is_shown_outlives_an_import_and_goes_when_the_citizen_asks(
    quadrupel, migrated_url, engine, file
):
    with transaction(engine) as connection:
        contacts.save(connection, [Contact("anna", "a@example.org")], NOW)
        contacts.suppress(connection, [Suppression("anna", "email", b"\xff", "550")], NOW)
        for kind in (MAILINGS, EVERYTHING):
            refusals.remember(connection, "anna", "email", kind, NOW)
    content = file(HEADER + "anna,anna@example.org,en,true\n")
    assert quadrupel("contacts", "import", content, database_url=migrated_url).code == 0
    assert quadrupel("contacts", "allow", "anna").code == 0
    shown = json.loads(quadrupel("contacts", "show", "anna", "--json").out)
    assert (shown["refused"], shown["consents"]) == ({}, {"email": True})
    refused = [{"channel": "email", "kind": kind} for kind in (EVERYTHING, MAILINGS)]
    assert shown["refusals"] == refused
    assert "refuses    email: mailings" in quadrupel("contacts", "show", "anna").out
    assert quadrupel("contacts", "allow", "anna").code == 1
    assert quadrupel("contacts", "allow", "anna", "--wanted").code == 0
    assert json.loads(quadrupel("contacts", "show", "anna", "--json").out)["refusals"] == []
    nothing = quadrupel("contacts", "allow", "anna", "--wanted").err
    assert "no address of 'anna' was refused, and nothing by the citizen" in nothing


def test_who_shows_a_contact_is_recorded(quadrupel, migrated_url, file):
    quadrupel("contacts", "import", file(HEADER + "anna,,,true\n"), database_url=migrated_url)
    quadrupel("contacts", "show", "anna")
    quadrupel("contacts", "show", "clara")
    [look] = json.loads(quadrupel("audit", "list", "--json").out)
    shown = (look["user_id"], look["key"], look["key_name"], look["route"])
    assert shown == ("anna", "operator", "operator", "contacts")


WIDE = "user_id,email,phone,language,time_zone,consent_email,consent_sms\n"


def test_a_file_may_have_phones_time_zones_and_consents_of_other_channels(
    quadrupel, migrated_url, file
):
    content = WIDE + "anna,,+7 (912) 345-67-89,ru,Europe/Moscow,false,true\nboris,,,,,true,false\n"
    assert quadrupel("contacts", "import", file(content), database_url=migrated_url).code == 0
    anna = json.loads(quadrupel("contacts", "show", "anna", "--json").out)
    assert (anna["phone"], anna["time_zone"]) == ("+79123456789", "Europe/Moscow")
    assert anna["consents"] == {"email": False, "sms": True}
    shown = quadrupel("contacts", "show", "anna").out
    assert "phone      +79123456789" in shown
    assert "time zone  Europe/Moscow" in shown
    boris = json.loads(quadrupel("contacts", "show", "boris", "--json").out)
    assert (boris["phone"], boris["time_zone"]) == (None, None)


def test_columns_may_stand_in_any_order_and_a_byte_order_mark_before_them(
    quadrupel, migrated_url, file
):
    content = "\ufeffconsent_email,email,user_id,language\r\ntrue,a@example.org,anna,\r\n\r\n"
    imported = quadrupel("contacts", "import", file(content), "--json", database_url=migrated_url)
    assert json.loads(imported.out) == {"rows": 1, "users": 1, "bad": 0, "first_bad": []}


BAD_ROWS = [
    ("a b,a@example.org,en,true", "a user id is 1 to 64 of the characters"),
    (",a@example.org,en,true", "a user id is 1 to 64 of the characters"),
    ("anna,not an address,en,true", "email is not an address mail can be sent to"),
    ("anna,a@b@c.example,en,true", "email is not an address mail can be sent to"),
    ('anna,"a@example.org\nBcc: b@example.org",en,true', "email is not an address"),
    ("anna,a@example.org,klingon,true", "the languages are en, ru"),
    ("anna,a@example.org,en,yes", "consent_email must be true or false"),
    ("anna,a@example.org,en,", "consent_email must be true or false"),
    ("anna,a@example.org,en", "3 fields, not 4"),
    ("anna,a@example.org,en,true,more", "5 fields, not 4"),
]


BAD_WIDE_ROWS = [
    ("anna,,89123456789,en,,true,true", "phone is not a number with + and the code of its country"),
    ("anna,,+7912345678,en,,true,true", "phone is not a number with + and the code of its country"),
    (
        "anna,,+79123456789;ext=5,en,,true,true",
        "phone is not a number with + and the code of its country",
    ),
    ("anna,,,en,Moscow,true,true", "time_zone is a name like Europe/Moscow"),
    *(
        (f"anna,,,en,{zone},true,true", "time_zone is a name like Europe/Moscow")
        for zone in (
            *("../../etc/passwd", "Europe/..", "posix/Europe/Moscow", "europe/moscow", " "),
            "x" * 300,
        )
    ),
    ("anna,,,en,,true,maybe", "consent_sms must be true or false"),
    ("anna,,,en,,true,", "consent_sms must be true or false"),
]


@pytest.mark.parametrize(
    ("header", "good", "row", "reason"),
    [
        *((HEADER, "good,g@example.org,en,true\n", *each) for each in BAD_ROWS),
        *((WIDE, "good,g@example.org,,en,,true,true\n", *each) for each in BAD_WIDE_ROWS),
    ],
)
def test_a_bad_row_is_told_by_its_line_and_nothing_is_taken(
    quadrupel, migrated_url, file, header, good, row, reason
):
    content = header + good + row + "\n"
    path = file(content)
    imported = quadrupel("contacts", "import", path, database_url=migrated_url)
    assert imported.code == 1
    assert "1 of 2 rows are wrong, so none was taken" in imported.err
    line = 3 + row.count("\n")
    assert f"{path}:{line}: {reason}" in imported.err.replace("\n", " ").replace("  ", " ")
    assert quadrupel("contacts", "show", "good").code == 1


def test_the_good_rows_are_taken_if_that_is_asked_for(quadrupel, migrated_url, file):
    content = HEADER + "good,g@example.org,en,true\n" + "bad\n" * 30
    imported = quadrupel(
        "contacts", "import", file(content), "--skip-bad", database_url=migrated_url
    )
    assert imported.code == 0
    assert "1 rows taken for 1 users, 30 wrong rows skipped" in imported.out
    assert imported.err.count(": 1 fields, not 4") == 20
    assert quadrupel("contacts", "show", "good").code == 0


BAD_FILES = [
    (b"", "the first line must be user_id,email,language,consent_email"),
    (b"user_id,email\n", "it is 'user_id,email'"),
    (b"a,b,c,d\n1,2,3,4\n", "it is 'a,b,c,d'"),
    (
        HEADER.replace("\n", ",fax\n").encode(),
        "it is 'user_id,email,language,consent_email,fax'",
    ),
    (HEADER.replace("\n", ",phone,phone\n").encode(), "consent_email,phone,phone'"),
    (
        HEADER.replace("\n", ",consent_\n").encode(),
        "it may also have phone, time_zone, consent_CHANNEL",
    ),
    (HEADER.replace("\n", ",consent_S M S\n").encode(), "consent_email,consent_S M S'"),
    (b"user_id,email,phone,time_zone\n", "it is 'user_id,email,phone,time_zone'"),
    (HEADER.encode() + b"\xff\xfe\n", "it is not UTF-8; save it as CSV in UTF-8"),
    (HEADER.encode() + b"anna,a\0@example.org,en,true\n", "email is not an address"),
    (HEADER.encode() + b'anna,"a@example.org,en,true\n', "unexpected end of data"),
    (HEADER.encode() + b"anna," + b"x" * 5_000 + b",en,true\n", "field larger than field limit"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_FILES)
def test_a_file_that_is_no_such_csv_is_refused(quadrupel, migrated_url, file, content, reason):
    imported = quadrupel("contacts", "import", file(content), database_url=migrated_url)
    assert imported.code == 1
    assert reason in " ".join(imported.err.split())
    assert "Traceback" not in imported.err


def test_a_file_that_is_not_there_is_named(quadrupel, migrated_url, tmp_path):
    imported = quadrupel(
        "contacts", "import", str(tmp_path / "none.csv"), database_url=migrated_url
    )
    assert imported.code == 1
    assert imported.err.endswith("none.csv: No such file or directory\n")
