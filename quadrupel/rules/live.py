"""The rule set in force: reloaded when its files change, kept as it was when they are wrong.

A process asks between batches, so a batch is worked through with one rule set. Looking is cheap:
names, sizes and times of the files, every LOOK_SECONDS at most.
"""

import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

import structlog

from quadrupel.core.errors import QuadrupelError
from quadrupel.rules import holidays
from quadrupel.rules.catalogue import RuleSet

LOOK_SECONDS = 1.0
KEPT = 3
"""How many rule sets are remembered, the one in force among them."""

Fingerprint = frozenset[tuple[str, int, int]]
Made = TypeVar("Made")

log = structlog.get_logger()


class LiveRules:
    """The rule set of a folder. Safe for several threads.

    `load` reads the folder and raises QuadrupelError for what cannot be put in force: wrong
    scripts, or attributes without a column. At construction the error is the caller's; later it
    is logged, once per change of the files, and the old set stays.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[], RuleSet],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = fingerprint(folder)
        self._current = load()
        self._kept = {self._current.hash: self._current}
        self._looked_at = clock()

    @property
    def current(self) -> RuleSet:
        """The rule set in force."""
        return self._current

    def look(self, others: Collection[str] = ()) -> RuleSet:
        """The rule set in force, after reloading it if its files changed.

        `others`: hashes of rule sets that others work with; if one is not ours, the files are
        looked at even if they just were.
        """
        with self._lock:
            eager = any(other != self._current.hash for other in others)
            if eager or self._clock() - self._looked_at >= LOOK_SECONDS:
                self._looked_at = self._clock()
                self._reload_if_changed()
            return self._current

    def pinned(self, wanted: Collection[str]) -> RuleSet:
        """The rule set with one of these hashes, if it is or was in force here; else `look`.

        The last KEPT sets are remembered.
        """
        found = self.look(wanted)
        return next((self._kept[each] for each in wanted if each in self._kept), found)

    def _reload_if_changed(self) -> None:
        try:
            found = fingerprint(self._folder)
            if found == self._seen:
                return
            self._seen = found
            self._remember(self._load())
        except (QuadrupelError, OSError) as error:
            log.warning("rules changed and are wrong, the old ones stay", problems=str(error))
        else:
            log.info("rules reloaded", rules=len(self._current.rules), hash=self._current.hash)

    def _remember(self, rules: RuleSet) -> None:
        others = [each for each in self._kept.values() if each.hash != rules.hash]
        self._kept = {each.hash: each for each in [*others[1 - KEPT :], rules]}
        self._current = rules


def fingerprint(folder: Path) -> Fingerprint:
    """What changes when a script or the calendar of holidays does: path, size and time of each."""
    return frozenset(
        (str(path), stat.st_size, stat.st_mtime_ns)
        for path in (*folder.rglob("*.py"), *folder.glob(holidays.FILE_NAME))
        if (stat := path.lstat())
    )


def following(
    rules: Callable[[Collection[str]], RuleSet], make: Callable[[RuleSet], Made]
) -> Callable[[Collection[str]], Made]:
    """What `make` makes of the rule set that `rules` gives, made once for each of the last KEPT.

    `rules` is `LiveRules.look` or `LiveRules.pinned`; so what is returned takes hashes of rule
    sets.
    """
    first = rules(())
    made = {first.hash: (first, make(first))}

    def current(others: Collection[str] = ()) -> Made:
        found = rules(others)
        known = made.get(found.hash)
        if known is None or known[0] is not found:
            known = (found, make(found))
            made.pop(found.hash, None)
            made[found.hash] = known
            while len(made) > KEPT:
                del made[next(iter(made))]
        return known[1]

    return current
