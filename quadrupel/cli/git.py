"""What git knows of a folder of rules: what was changed, and how it was at a revision."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from quadrupel.core.errors import NotFound


def modified(folder: Path) -> set[Path]:
    """The files of the folder that differ from the last commit, or are not in it.

    Raises NotFound outside a git work tree, or before its first commit.
    """
    changed = _git(folder, "diff", "--name-only", "--relative", "-z", "HEAD", "--", ".")
    added = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    names = [name for name in (changed + added).decode(errors="replace").split("\0") if name]
    return {(folder / name).resolve() for name in names}


def extract(folder: Path, revision: str, into: Path) -> Path:
    """Write the folder as it was at a revision under `into`, and return where it is.

    Raises NotFound for what is no revision, or one at which there was no such folder.
    """
    try:
        found = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except NotFound as error:
        raise NotFound(f'"{revision}" is neither a folder nor a revision: {error}') from None
    inside = _git(folder, "rev-parse", "--show-prefix").decode().strip()
    top = Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
    commit = found.decode().strip()
    archive = _git(top, "archive", "--format=tar", commit, "--", inside or ".")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(into, filter="data")
    return into / inside


def _git(folder: Path, *arguments: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise NotFound("git is not installed, so what was changed cannot be told")
    done = subprocess.run(  # noqa: S603 -- git itself; what users name is never an option of it
        [git, "-C", str(folder), *arguments], capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        told = said[0].removeprefix("fatal: ") if said else f"it ended with {done.returncode}"
        raise NotFound(f"git in {folder}: {told}")
    return done.stdout
