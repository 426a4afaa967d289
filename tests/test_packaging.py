"""The image and the composition: linted, and installed here by the steps of the Dockerfile."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from quadrupel.config import Settings

CHECKOUT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
STAGES = {"ingest", "evaluate", "publish", "send", "schedule", "api"}


def run(*command: str | Path, cwd: Path = CHECKOUT, **options: Any) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    assert result.returncode == 0, f"{command} exited {result.returncode}:\n{result.stdout}"
    return result.stdout


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composition = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
    return dict(composition["services"])


def test_the_composition_follows_the_compose_specification():
    run(
        BIN / "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    )


def test_the_dockerfile_passes_its_linter():
    run(BIN / "hadolint", "--failure-threshold", "info", "Dockerfile")


def test_every_stage_runs_in_the_composition(services):
    commands = {service["command"][0] for service in services.values() if "build" in service}
    assert commands >= STAGES


def test_every_setting_of_the_composition_exists(services):
    known = {f"QUADRUPEL_{name.upper()}" for name in Settings.model_fields}
    for name, service in services.items():
        if "build" in service:
            assert set(service["environment"]) <= known, name


def test_the_settings_of_the_composition_are_accepted(services, monkeypatch):
    for service in services.values():
        if "build" in service:
            for name, value in service["environment"].items():
                monkeypatch.setenv(name, re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value))
            Settings()


def test_every_service_says_whether_it_is_healthy(services):
    lacking = {name for name, service in services.items() if "healthcheck" not in service}
    assert lacking == {"setup"}  # it ends by itself


def test_services_wait_for_services_that_exist(services):
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


def test_the_build_context_has_everything_the_dockerfile_copies():
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    kept = {line[1:].rstrip("/") for line in ignored if line.startswith("!")}
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    copies = [line.split()[1:-1] for line in lines if re.match(r"COPY (?!--)", line)]
    for source in {name.rstrip("/") for names in copies for name in names}:
        assert (CHECKOUT / source).exists()
        assert source in kept


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the image gets, built from a copy of its build context.

    Without compiled modules, which take as long as all the rest and only begin to run sooner.
    """
    context = tmp_path_factory.mktemp("context")
    leave_out = shutil.ignore_patterns("__pycache__")
    for line in (CHECKOUT / "Dockerfile").read_text().splitlines():
        if match := re.match(r"COPY (?!--)(.+) (\S+)$", line):
            for source in match[1].split():
                target = context / source
                target.parent.mkdir(parents=True, exist_ok=True)
                if (CHECKOUT / source).is_dir():
                    shutil.copytree(CHECKOUT / source, target, ignore=leave_out)
                else:
                    shutil.copy(CHECKOUT / source, target)
    environment = tmp_path_factory.mktemp("image") / "quadrupel"
    run(sys.executable, "-m", "venv", environment)
    pip = [environment / "bin/pip", "--quiet", "--disable-pip-version-check"]
    install = [*pip, "install", "--no-compile"]
    run(*install, "--require-hashes", "-r", "requirements/run.txt", cwd=context)
    run(*pip, "wheel", "--no-deps", "--wheel-dir", "wheels", ".", cwd=context)
    run(*install, "--no-deps", *(context / "wheels").glob("*.whl"), cwd=context)
    shutil.rmtree(context)
    return environment


def outside(tmp_path: Path) -> dict[str, Any]:
    """How to run a command away from the checkout, with no setting."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return {"cwd": tmp_path, "env": kept}


@pytest.mark.slow
def test_the_installed_command_explains_itself_outside_the_checkout(installed, tmp_path):
    help_text = run(installed / "bin/quadrupel", "--help", **outside(tmp_path))
    assert all(stage in help_text for stage in STAGES)


@pytest.mark.slow
def test_the_installed_package_brings_its_rules_and_migrations(installed, tmp_path):
    run(installed / "bin/quadrupel", "rules", "check", **outside(tmp_path))
    program = (
        "from quadrupel.config import migrations_folder, read_settings, rules_folder;"
        "print(rules_folder(read_settings()), migrations_folder())"
    )
    rules, migrations = run(installed / "bin/python", "-c", program, **outside(tmp_path)).split()
    assert Path(rules).is_relative_to(installed)
    assert Path(migrations).is_relative_to(installed)
    assert (Path(migrations) / "versions").is_dir()


@pytest.mark.slow
def test_the_installed_package_brings_the_demo_page_and_the_web_client(installed, tmp_path):
    program = "from quadrupel.demo_page.app import FILES, module_file; print(FILES, module_file())"
    files, module = run(installed / "bin/python", "-c", program, **outside(tmp_path)).split()
    assert Path(module).is_relative_to(installed)
    assert Path(module).read_bytes() == (CHECKOUT / "clients/web" / Path(module).name).read_bytes()
    shipped = {each.name for each in Path(files).iterdir()}
    assert shipped == {each.name for each in (CHECKOUT / "quadrupel/demo_page/files").iterdir()}


@pytest.mark.slow
def test_nothing_installed_depends_on_something_missing(installed, tmp_path):
    run(installed / "bin/pip", "check", "--disable-pip-version-check", **outside(tmp_path))
