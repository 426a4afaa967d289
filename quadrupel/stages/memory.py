"""When a stage looks for garbage that refers to itself: between batches, when there is little.

Python looks for it while objects are made, so in the middle of a batch, through all that the batch
is about to use. A batch leaves some dozens of such objects, which add up over millions of users.
"""

import gc

SELDOM = (500_000, 20, 100)
"""After how many more objects it looks by itself: in a batch that is larger than any should be."""
MANY = 5_000
"""Of how many more objects than after the last look it is worth looking again."""


def keep() -> None:
    """What there is now stays, and is never looked through again; call it once, at the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


def tidy() -> None:
    """Drop the garbage of the last batches, if there may be much. Costs nothing otherwise."""
    if gc.get_count()[0] >= MANY:
        gc.collect(1)  # what is older has been looked through, and goes on being used
