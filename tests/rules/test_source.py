"""Hostile files are refused quickly, and never run."""

import os
import time
import warnings

import pytest

from quadrupel.rules.source import MAX_BYTES, MAX_PROBLEMS, decode, parse, read

HOSTILE = {
    "ten thousand brackets": (b"(" * 10_000, "more than 40 brackets in each other"),
    "brackets that close": (b"x = " + b"[" * 41 + b"]" * 41, "more than 40 brackets"),
    "a long sum": (b"x = 1" + b"+1" * 9_000, "more than 10000 words and signs"),
    "a deep sum": (b"x = 1" + b"+1" * 4_900, "nested"),
    "deep negations": (b"x = " + b"not " * 9_000 + b"1", "nested"),
    "deep minuses": (b"x = " + b"-" * 9_000 + b"1", "nested"),
    "deep attributes": (b"x = a" + b".b" * 4_000, "nested"),
    "deep powers": (b"x = 2" + b"**2" * 4_000, "nested"),
    "deep conditions": (b"x = " + b"1 if a else " * 2_000 + b"1", "nested more than 100 deep"),
    "deep blocks": (
        b"".join(b" " * depth + b"if a:\n" for depth in range(99)) + b" " * 99 + b"x = 1",
        "nested more than 100 deep",
    ),
    "too many blocks": (
        b"".join(b" " * depth + b"if a:\n" for depth in range(120)) + b" " * 120 + b"x = 1",
        "too many levels of indentation",
    ),
    "a number of 60,000 digits": (b"x = " + b"9" * 60_000, "Exceeds the limit"),
    "a NUL": (b"x = 1\x00", "an invisible character, U+0000"),
    "an escape of the terminal": (b"# \x1b[2J", "an invisible character, U+001B"),
    "text that turns around": ("x = 1  # \u202e".encode(), "an invisible character, U+202E"),
    "a form feed": (b"\x0cx = 1", "an invisible character, U+000C"),
    "a foreign encoding": (b"# -*- coding: rot13 -*-\nx = 1", "the encoding rot13"),
    "a foreign encoding in line 2": (b"#\n# vim: fileencoding=koi8-r", "the encoding koi8-r"),
    "bytes that are not UTF-8": (b"x = 1\ny = '\xff'", "is not UTF-8 in line 2"),
    "UTF-16": ("x = 1".encode("utf-16"), "is not UTF-8 in line 1"),
    "a Cyrillic letter": ("b\u0430nner = 1".encode(), "CYRILLIC SMALL LETTER A"),
    "full-width letters": ("\uff55\uff53\uff45\uff52 = 1".encode(), "FULLWIDTH LATIN SMALL LETTER"),
    "a dunder": (b"x = ().__class__", '"__class__" begins with two underscores'),
    "a dunder as a function": (b"__import__('os')", '"__import__" begins with two underscores'),
    "an open bracket": (b"x = (1", "'(' was never closed"),
    "an open text": (b"x = '''abc", "unterminated"),
    "a wrong escape": (b"x = '\\d'", "invalid escape sequence"),
    "a sign that Python lacks": (b"x = $", "invalid syntax"),
    "a wrong indent": (b"x = 1\n  y = 2", "unexpected indent"),
    "a return outside": (b"x = = 1", "invalid syntax"),
}


HOSTILE |= {
    "half a surrogate pair as an escape": (b'x = "\\ud83d"', "cannot be shown, U+D83D"),
    "a NUL as an escape": (b'x = ("\\x00")', "cannot be shown, U+0000"),
    "an escape of the terminal as an escape": (b"x = {'a': '\\x1b[2J'}", "cannot be shown, U+001B"),
    "a carriage return as an escape": (b"x = '\\r'", "cannot be shown, U+000D"),
    "a description with a control code": (b'"""\\x9b"""', "cannot be shown, U+009B"),
    "a hexadecimal number of 5,000 digits": (b"x = 0x" + b"f" * 5_000, "more than 64 bits"),
    "the same as an annotation": (b"def f(a: 0x" + b"f" * 5_000 + b"): pass", "more than 64 bits"),
    "the same behind a minus": (b"x = -0x" + b"f" * 5_000, "more than 64 bits"),
    "a number of 65 bits": (b"x = 9223372036854775808", "more than 64 bits"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason_and_quickly(name):
    content, reason = HOSTILE[name]
    started = time.thread_time()
    source = decode(content, "rule.py")
    module = parse(source)
    assert time.thread_time() - started < 1
    assert module is None
    assert reason in str(source.problems[0])
    assert len(str(source.problems[0])) < 1_000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('title = {"ru": "Заголовок}', "1:16"),
        ("title = {'ru': 'Заголовок}", "1:16"),
        ('title = {"ru": r"Заголовок}', "1:16"),
        ('title = {"ru": "Заго\\\nловок}', "1:16"),
        ('x = 1\ntitle = {"ru": "Заголовок, "en": "Title"}\nимя = 2', "2:40"),
        ('title = {"en": "Title, "ru": "Заголовок"}', "1:40"),
    ],
)
def test_a_quote_that_was_forgotten_is_told_of_as_such(text, place):
    source = decode(text.encode(), "rule.py")
    assert parse(source) is None
    (problem,) = source.problems
    assert str(problem).startswith(f"rule.py:{place}: unterminated string literal")


def test_a_file_of_five_megabytes_is_not_read(tmp_path):
    (tmp_path / "rule.py").write_bytes(b"#" * 5_000_000)
    source = read(tmp_path / "rule.py", "rule.py")
    assert source.text == ""
    assert str(source.problems[0]).startswith("rule.py: is larger than 64 KiB")


def test_a_file_of_the_limit_is_read(tmp_path):
    (tmp_path / "rule.py").write_bytes(b"#" * MAX_BYTES)
    assert parse(read(tmp_path / "rule.py", "rule.py")) is not None


def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path):
    (tmp_path / "target.py").write_text("x = 1")
    (tmp_path / "link.py").symlink_to(tmp_path / "target.py")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    for name in ("link.py", "folder.py", "pipe.py"):
        assert "is not a regular file" in str(read(tmp_path / name, name).problems[0])
    assert "cannot be read" in str(read(tmp_path / "absent.py", "absent.py").problems[0])


def test_a_byte_order_mark_and_other_line_ends_are_read():
    source = decode(b"\xef\xbb\xbfx = 1\r\ny = 2\rz = 3\n", "rule.py")
    module = parse(source)
    assert module is not None
    assert [statement.lineno for statement in module.body] == [1, 2, 3]


def test_a_place_is_counted_in_characters():
    source = decode('title = "Замените", wrong'.encode(), "rule.py")
    module = parse(source)
    assert module is not None
    source.refuse(module.body[0].value.elts[1], "no", "yes")
    assert str(source.problems[0]).splitlines() == [
        "rule.py:1:21: no",
        '    title = "Замените", wrong',
        "                        ^^^^^",
        "    hint: yes",
    ]


def test_the_picture_of_a_long_line_shows_the_part_that_is_meant():
    source = decode(b"x = " + b"1, " * 200 + b"wrong, " + b"2, " * 200, "rule.py")
    source.refuse_at(1, 604, "no", width=5)
    _, excerpt, caret = str(source.problems[0]).splitlines()
    assert len(excerpt) <= 104
    assert excerpt[caret.index("^") :].startswith("wrong")
    assert caret.count("^") == 5


def test_no_more_problems_are_kept_than_anybody_reads():
    source = decode(b"x\n" * 200, "rule.py")
    for line in range(200):
        source.refuse_at(line + 1, 0, "no")
    assert len(source.problems) == MAX_PROBLEMS


def test_a_character_that_cannot_be_shown_is_refused_where_it_stands():
    source = decode(b'x = ["a", "b\\ud800"]', "rule.py")
    assert parse(source) is None
    assert str(source.problems[0]).splitlines() == [
        "rule.py:1:11: a text with a character that cannot be shown, U+D800",
        '    x = ["a", "b\\ud800"]',
        "              ^^^^^^^^^",
        "    hint: remove it",
    ]


def test_whole_characters_tabs_and_new_lines_are_texts():
    source = decode('x = "\\n\\t\\U0001f600 ё"'.encode(), "rule.py")
    assert parse(source) is not None


def test_a_wrong_escape_is_refused_where_it_stands_and_warns_nobody():
    source = decode(b'x = """a\n\\\\d \\d"""\ny = r"\\d"', "rule.py")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert parse(source) is None
    assert warned == []
    assert str(source.problems[0]).splitlines() == [
        "rule.py:2:5: invalid escape sequence \\d",
        '    \\\\d \\d"""',
        "        ^^",
    ]
