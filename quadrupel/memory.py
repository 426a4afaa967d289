"""When a process looks for objects that refer to each other and that nobody uses.

Python looks for them while objects are made, so in the middle of the work, and nothing else is done
meanwhile. A batch of publish leaves some thirty, which add up over a million users.
"""

import gc
from typing import TypeAlias

Looks: TypeAlias = tuple[int, int, int]
"""After how many more new objects Python looks through them; after how many such looks through
those that stayed; and after how many of these through all. See `gc.set_threshold`."""

STAGE: Looks = (500_000, 20, 100)
"""Of a stage, which looks between its batches: in a batch that is larger than any should be."""

API: Looks = (2_000, 1_000, 50)
"""Of what answers at any time: a little at a time. What stays are tokens and answers."""

MANY = 5_000
"""Of how many more objects than after the last look a stage looks between two batches."""


def keep(looks: Looks) -> None:
    """What there is now stays, and is never looked through again; call it once, at the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*looks)


def tidy() -> None:
    """Drop what the last batches left, if there may be much. Costs nothing otherwise."""
    if gc.get_count()[0] >= MANY:
        gc.collect(1)  # what is older has been looked through, and goes on being used
