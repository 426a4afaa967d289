"""Where tests keep the data of servers."""

import shutil
from pathlib import Path

MEMORY_BYTES = 4 * 2**30
"""What the databases of a run may take in memory: they are small, what they log is not."""


def in_memory() -> str:
    """A folder of the memory that has room, as it has outside of containers; else the usual one.

    A new database is files above all, and a thousand tests make one each.
    """
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and shutil.disk_usage(shared).free >= MEMORY_BYTES
    return str(shared) if roomy else "/tmp"
