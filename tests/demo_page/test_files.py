"""The files of the demo page: of the form of the web client, and nothing comes from afar."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from quadrupel.demo_page.app import FILES, LANGUAGES

CLIENT = Path(__file__).parents[2] / "clients/web"
SCRIPTS = sorted(FILES.glob("*.js"))
TEXTS = [*SCRIPTS, *FILES.glob("*.html"), *FILES.glob("*.css")]


@pytest.mark.parametrize("script", SCRIPTS, ids=[each.name for each in SCRIPTS])
def test_scripts_are_formed_and_linted_as_the_web_client(script):
    command = [
        CLIENT / "node_modules/.bin/biome",
        "check",
        "--write",
        "--error-on-warnings",
        f"--stdin-file-path=src/{script.name}",
    ]
    checked = subprocess.run(
        command,
        input=script.read_text(),
        cwd=CLIENT,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, script.read_text()), checked.stderr


@pytest.mark.parametrize("file", TEXTS, ids=[each.name for each in TEXTS])
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(file):
    found = re.findall(r"https?://|<style|\bstyle=|\bon\w+=|innerHTML|<script>", file.read_text())
    assert found == []


@pytest.mark.parametrize("file", TEXTS, ids=[each.name for each in TEXTS])
def test_each_file_says_what_it_is_for(file):
    assert re.search(r"<!-- \w|/\*\*?\s+(\* )?\w", file.read_text()[:200])


def test_every_word_is_there_in_every_language():
    words = (FILES / "words.js").read_text()
    by_language = [
        re.findall(
            r"^    (\w+):", words.partition(f"  {language}: {{")[2].partition("\n  },")[0], re.M
        )
        for language in LANGUAGES
    ]
    assert by_language[0]
    assert all(each == by_language[0] for each in by_language)
    asked = {
        name
        for file in FILES.glob("*.html")
        for name in re.findall(r'data-(?:word|title|label)="(\w+)"', file.read_text())
    }
    assert asked <= set(by_language[0])
