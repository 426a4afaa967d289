"""What is shipped: one small module of ES2020 with types, made of src/ and of nothing else."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .portal import CLIENT

BIN = Path(sys.executable).parent
MODULE = CLIENT / "quadrupel-banners.js"


def run(*command: str | Path, cwd: Path = CLIENT) -> str:
    with_node = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        command, cwd=cwd, env=with_node, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}:\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def package():
    return json.loads((CLIENT / "package.json").read_text())


def test_it_has_six_kilobytes_at_most():
    assert len(gzip.compress(MODULE.read_bytes())) <= 6144


def test_it_is_what_the_sources_make(tmp_path):
    run("node", "build.mjs", tmp_path / MODULE.name)
    assert (tmp_path / MODULE.name).read_text() == MODULE.read_text(), "npm run build"


def test_it_needs_nothing_else(package):
    assert "dependencies" not in package
    assert not re.search(r"\bimport\b|\brequire\(", MODULE.read_text())


def test_it_makes_no_markup():
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|\.style\b"
    )
    assert not re.search(forbidden, MODULE.read_text())


def test_sources_and_the_example_agree_with_the_types_and_are_formatted():
    run("npm", "run", "--silent", "check")


def test_a_server_that_renders_pages_may_import_it(tmp_path):
    program = "import('quadrupel-banners').then((it) => console.log(Object.keys(it).sort().join()))"
    installed = tmp_path / "node_modules/quadrupel-banners"
    installed.mkdir(parents=True)
    for name in ("package.json", MODULE.name):
        shutil.copy(CLIENT / name, installed)
    assert run("node", "-e", program, cwd=tmp_path) == "QuadrupelBanners,configure,connect\n"


def test_the_package_holds_the_module_its_types_and_a_page_to_read(package):
    [packed] = json.loads(run("npm", "pack", "--dry-run", "--json"))
    names = {each["path"] for each in packed["files"]}
    assert names == {"README.md", "package.json", MODULE.name, "quadrupel-banners.d.ts"}
    exported = package["exports"]["."]
    assert {exported["types"], exported["default"]} == {
        f"./{MODULE.name}",
        "./quadrupel-banners.d.ts",
    }


def test_the_lock_knows_each_package_by_its_hash_and_no_registry():
    lock = json.loads((CLIENT / "package-lock.json").read_text())
    packages = [each for name, each in lock["packages"].items() if name]
    assert packages
    assert all(each["integrity"].startswith("sha512-") for each in packages)
    assert not any("resolved" in each for each in packages)
