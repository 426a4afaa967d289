"""What the documentation names exists: files, addresses, commands, options, settings, metrics."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from quadrupel import telemetry
from quadrupel.cli.main import tree
from quadrupel.config import Settings
from tests.api.routes import ROUTES

CHECKOUT = Path(__file__).parent.parent
COMMANDS: Any = typer.main.get_command(tree())
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "rules/*.md", "clients/*/*.md", "docker-compose.yml")
    for page in CHECKOUT.glob(pattern)
)

LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
ADDRESS = re.compile(r"\bhttps?://(?:127\.0\.0\.1|localhost):8080(/[^\s`'\"?)]*)")
COMMAND = re.compile(r"\bquadrupel((?: [a-z][a-z|-]*)+)((?: (?:--[a-z-]+|[A-Za-z0-9_.$-]+))*)")
SETTING = re.compile(r"\bQUADRUPEL_[A-Z_]+\b")
METRIC = re.compile(r"\bquadrupel_[a-z_]+\b")

OF_TESTS = {"QUADRUPEL_REQUIRE_ALL"}


@pytest.fixture(params=PAGES, ids=[str(page.relative_to(CHECKOUT)) for page in PAGES])
def page(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(scope="module")
def routes():
    """A pattern for each path that the API serves."""
    return [re.sub(r"\{\w+\}", "[^/]+", route.split()[1]) for route in ROUTES]


def code(page: Path) -> str:
    """Everything that is written as code, a line per piece."""
    text = page.read_text()
    if page.suffix != ".md":
        return text
    fenced = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return "\n".join([*fenced, *inline])


def commands(words: str) -> Iterator[tuple[str, Any]]:
    """Each command that `words` (`run start|status`) names, and what it is; None: there is none."""
    for path in alternatives(words.split()):
        found = COMMANDS
        for word in path:
            if hasattr(found, "commands"):
                found = found.commands.get(word)
        yield " ".join(path), found


def alternatives(words: list[str]) -> Iterator[list[str]]:
    if not words:
        yield []
        return
    for word in words[0].split("|"):
        for rest in alternatives(words[1:]):
            yield [word, *rest]


def leaves(command: Any, name: str = "quadrupel") -> Iterator[tuple[str, Any]]:
    """Every command that does something, and its name."""
    below = getattr(command, "commands", {})
    if not below:
        yield name, command
    for word, each in below.items():
        yield from leaves(each, f"{name} {word}")


def test_every_command_is_explained_with_examples_first():
    without = [
        name
        for name, command in leaves(COMMANDS)
        if not re.match(r"[^\n]+(\n[^\n]+)*\n\nExamples?:", command.help or "")
    ]
    assert without == []


def test_links_lead_to_files_that_exist(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_the_index_lists_every_page():
    index = CHECKOUT / "docs/README.md"
    listed = {(index.parent / link).resolve() for link in LINK.findall(index.read_text())}
    assert set((CHECKOUT / "docs").glob("**/*.md")) - {index} - listed == set()


def test_addresses_of_the_api_are_routes_of_it(page, routes):
    for path in ADDRESS.findall(page.read_text()):
        assert any(re.fullmatch(route, path) for route in routes), path


def test_commands_and_their_options_exist(page):
    for words, rest in COMMAND.findall(code(page)):
        for name, command in commands(words):
            assert command is not None, f"quadrupel {name}"
            known = {option for each in command.params for option in each.opts} | {"--help"}
            assert set(re.findall(r"--[a-z-]+", rest)) <= known, f"quadrupel {name} {rest}"


def variables(command: Any) -> set[str]:
    """What the options of a command, or of those below it, can be read from instead."""
    below = [variables(each) for each in getattr(command, "commands", {}).values()]
    return {each.envvar for each in command.params if each.envvar}.union(*below)


def test_variables_of_options_are_documented():
    named = {each for page in PAGES for each in SETTING.findall(page.read_text())}
    assert variables(COMMANDS) - named == set()


def test_settings_exist(page):
    known = {f"QUADRUPEL_{name.upper()}" for name in Settings.model_fields}
    known |= variables(COMMANDS) | OF_TESTS
    assert set(SETTING.findall(page.read_text())) - known - {"QUADRUPEL_"} == set()


def test_metrics_exist(page):
    known = {
        sample
        for each in REGISTRY.collect()
        for sample in (each.name, f"{each.name}_total")
        if each.name.startswith("quadrupel_")
    }
    assert set(METRIC.findall(page.read_text())) <= known


def test_the_reference_of_metrics_has_each_with_its_type_and_labels():
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \|([^|]*)\| [^|]+ \|$",
        (CHECKOUT / "docs/reference/metrics.md").read_text(),
        re.MULTILINE,
    )
    documented = [(name, kind, tuple(re.findall(r"\w+", labels))) for name, kind, labels in rows]
    assert sorted(documented) == sorted(
        (f"{each._name}_total" if each._type == "counter" else each._name, each._type, labels)
        for each in vars(telemetry).values()
        if isinstance(each, MetricWrapperBase)
        for labels in [each._labelnames]
    )
