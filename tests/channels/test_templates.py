from pathlib import Path

import pytest

from quadrupel.channels.templates import MAX_FILE, load_templates
from quadrupel.core.errors import DeclarationRefused, InputRefused, SettingRefused

SHIPPED = Path(__file__).parents[2] / "rules" / "templates"
LAYOUT = "<h1>{{ subject }}</h1>{% block content %}{% endblock %}"
FILES = {
    "layout.html": LAYOUT,
    "parcel/subject.en.txt": "A parcel for {{ name }}\n",
    "parcel/body.en.txt": "It came on {{ came | day }}.\n{{ portal }}/parcels\n",
    "parcel/body.en.html": '{% extends "layout.html" %}{% block content %}'
    '<b>{{ name }}</b>{% if price is defined %} {{ price | money("EUR") }}{% endif %}'
    "{% endblock %}",
}
VALUES = {"name": "Anna", "came": "2026-11-23"}


@pytest.fixture
def load(tmp_path):
    def load(languages=("en",), **changes):
        for path, text in {**FILES, **changes.pop("files", {})}.items():
            if text is not None:
                file = tmp_path / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_templates(tmp_path, languages, "https://portal.example/")

    return load


def test_a_template_is_rendered_with_its_layout_and_filters(load):
    rendered = load().render("parcel", "en", {**VALUES, "price": "1234.5"})
    assert rendered.subject == "A parcel for Anna"
    assert rendered.text == "It came on 23 November 2026.\nhttps://portal.example/parcels\n"
    assert rendered.html == "<h1>A parcel for Anna</h1><b>Anna</b> €1,234.50"


@pytest.mark.parametrize(
    ("language", "amount"),
    [
        ("en", "RUB\N{NO-BREAK SPACE}1,500.00"),
        ("ru", "1\N{NO-BREAK SPACE}500,00\N{NO-BREAK SPACE}₽"),
    ],
)
def test_an_amount_is_written_with_its_currency_as_the_language_does(load, language, amount):
    files = {path.replace(".en.", f".{language}."): text for path, text in FILES.items()}
    files[f"parcel/body.{language}.txt"] = '{{ price | money("RUB") }}'
    templates = load((language,), files=files)
    assert templates.render("parcel", language, {**VALUES, "price": "1500"}).text == amount


def test_the_language_decides_texts_and_formats_and_the_first_one_is_the_default(load):
    files = {path.replace(".en.", ".ru."): text for path, text in FILES.items() if "/" in path}
    files["parcel/subject.ru.txt"] = "Посылка"
    templates = load(("en", "ru"), files=files)
    assert templates.render("parcel", "ru", VALUES).subject == "Посылка"
    assert "23 ноября 2026" in templates.render("parcel", "ru", VALUES).text
    for language in (None, "", "fr"):
        assert templates.render("parcel", language, VALUES).subject == "A parcel for Anna"


def test_placeholders_are_what_any_part_shows_but_what_every_template_knows(load):
    assert load().placeholders("parcel") == {"name", "came", "price"}


def test_values_cannot_add_a_header_or_markup(load):
    rendered = load().render(
        "parcel", "en", {**VALUES, "name": "Eve\r\nBcc: all@example.org\0\u2028<script>"}
    )
    assert rendered.subject == "A parcel for Eve Bcc: all@example.org <script>"
    assert "<script>" not in rendered.html


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "'name' is undefined"),
        ({"name": "Anna"}, "'came' is undefined"),
        ({"name": "Anna", "came": "soon"}, "Invalid isoformat string"),
        ({"name": "Anna", "came": "2026-02-30"}, "day is out of range"),
        ({**VALUES, "price": "free"}, "'free' is no amount"),
        ({**VALUES, "name": "x" * 300}, "the subject has 313 characters"),
    ],
)
def test_values_that_do_not_fit_refuse_the_one_message(load, values, message):
    with pytest.raises(InputRefused, match=message) as refused:
        load().render("parcel", "en", values)
    assert refused.value.reason == "bad-values"


def test_an_unknown_template_is_refused_with_the_known_ones(load):
    with pytest.raises(InputRefused, match="there is no template letter; there are parcel"):
        load().render("letter", "en", {})


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ name", "1: unexpected end of template"),
        ("one\n{{ name }\n", "2: unexpected '}'"),
        ("{% if name %}", "1: Unexpected end of template"),
        ("{% for i in name %}x{% endfor %}", "1: a loop is not allowed"),
        ("\n{{ name.__class__.__mro__ }}", "2: an attribute is not allowed"),
        ("{{ name['x'] }}", "1: an index is not allowed"),
        ("{{ range(1000000000) }}", "1: a call is not allowed"),
        ("{{ 'a' * 1000000000 }}", "1: mul is not allowed"),
        ("{{ name ~ name }}", "1: concat is not allowed"),
        ("{% set x = 1 %}", "1: an assignment is not allowed"),
        ("{% macro m() %}{% endmacro %}", "1: a macro is not allowed"),
        ("{% include 'parcel/body.en.txt' %}", "1: an include is not allowed"),
        ("{% import 'layout.html' as x %}", "1: an import is not allowed"),
        ("{% extends '../../etc/passwd' %}", "1: extends must name a layout: layout.html"),
        ("{% extends 'parcel/body.en.txt' %}", "1: extends must name a layout: layout.html"),
        ("{% extends name %}", "1: extends must name a layout: layout.html"),
        ("{{ name | safe }}", "1: there is no filter safe; there are day and money"),
        ("{{ name | center(1000000000) }}", "1: there is no filter center"),
        ("{{ came | day('short') }}", "1: day takes no argument"),
        ("{{ price | money }}", "1: money takes a currency of ISO 4217"),
        ("{{ price | money('XYZW') }}", "1: money takes a currency of ISO 4217"),
        ("{{ price | money(currency='EUR') }}", "1: money takes a currency of ISO 4217"),
        ("{% if name is odd %}x{% endif %}", "1: there is no test odd"),
        ("{% if price > '5' %}x{% endif %}", "1: texts are compared by ==, != and in only"),
        ("{{ " + "(" * 20_000 + "name" + ")" * 20_000 + " }}", "1: the template is nested too"),
        (b"\xff\xfe", "utf-8"),
        ("x" * (MAX_FILE + 1), f"the file has {MAX_FILE + 1} bytes"),
    ],
)
def test_a_template_is_a_text_with_holes_and_no_program(load, tmp_path, source, problem):
    with pytest.raises(DeclarationRefused) as refused:
        load(files={"parcel/body.en.txt": source})
    assert f"{tmp_path}/parcel/body.en.txt" in str(refused.value)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("notes.txt", "only layouts (.html) may be here"),
        ("parcel/notes.md", "a template consists of subject.en.txt, body.en.txt, body.en.html"),
        ("parcel/deep/body.en.txt", "only layouts (.html) may be here"),
        ("Parcel/subject.en.txt", "a template's folder is named in lower-case letters"),
    ],
)
def test_files_that_are_no_template_are_refused(load, path, problem):
    with pytest.raises(DeclarationRefused) as refused:
        load(files={path: "x"})
    assert problem in str(refused.value)


def test_a_link_that_leads_out_of_the_folder_is_refused(load, tmp_path):
    secret = tmp_path.parent / "secret.txt"
    secret.write_text("secret")
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "body.fr.txt").symlink_to(secret)
    with pytest.raises(DeclarationRefused, match="is not in the subpath"):
        load()


def test_every_problem_of_every_file_is_reported_at_once(load):
    with pytest.raises(DeclarationRefused) as refused:
        load(
            ("en", "ru"),
            files={"parcel/subject.en.txt": "{{", "parcel/body.en.txt": "{{ a.b }}\n{{ c() }}"},
        )
    lines = str(refused.value).splitlines()
    assert sum("the file is missing" in line for line in lines) == 3
    assert len(lines) == 6


def test_texts_in_further_languages_do_no_harm(load):
    assert load(files={"parcel/subject.de.txt": "Ein Paket"}).names == ["parcel"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DeclarationRefused, match="there is no such folder"):
        load_templates(tmp_path / "none", ("en",), "https://portal.example")


def test_a_language_nobody_speaks_is_a_wrong_setting(tmp_path):
    with pytest.raises(SettingRefused, match="QUADRUPEL_LANGUAGES"):
        load_templates(tmp_path, ("en", "klingon"), "https://portal.example")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_shipped_templates_render_in_every_language(language):
    templates = load_templates(SHIPPED, ("en", "ru"), "https://portal.example")
    assert len(templates.names) >= 11
    for name in templates.names:
        values = {
            placeholder: "1500" if placeholder.endswith("_owed") else "2026-12-20"
            for placeholder in templates.placeholders(name)
        }
        rendered = templates.render(name, language, values)
        assert f'<html lang="{language}">' in rendered.html
        assert "https://portal.example/" in rendered.html
        assert "https://portal.example/" in rendered.text
        assert "{" not in rendered.subject + rendered.text
        assert "http" not in rendered.html.replace("https://portal.example", "")
