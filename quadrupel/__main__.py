"""The command `quadrupel`, also as `python -m quadrupel`: nothing is done while modules are read.

So Ctrl-C ends it at once then, and without a word: it would be a traceback from inside of some
library.
"""

import os
import signal

INTERRUPTED_EXIT = 130
"""As in `quadrupel.cli.main`, which is not read yet."""


def main() -> None:
    """Read the command line's modules, and run it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it may be ignored
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED_EXIT))
    from quadrupel.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
