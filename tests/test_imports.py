import subprocess
import sys

IMPORT_ALL = """
import pkgutil, importlib, quadrupel
for module in pkgutil.walk_packages(quadrupel.__path__, "quadrupel."):
    if module.name != "quadrupel.__main__":
        importlib.import_module(module.name)
"""


def test_every_module_imports_with_an_empty_environment_and_says_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL],
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
