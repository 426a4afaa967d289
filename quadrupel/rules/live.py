"""What is in force of the folder of rules: reloaded when files change, kept when they are wrong.

A process asks between batches, so a batch is worked through with one rule set. Looking is cheap:
names, sizes and times of the files, every LOOK_SECONDS at most.
"""

import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from quadrupel.core.errors import DeclarationRefused, QuadrupelError
from quadrupel.rules import holidays
from quadrupel.rules.catalogue import RuleSet

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 5.0
"""After how long files are loaded again that failed for what may be no fault of theirs."""
KEPT = 3
"""How many rule sets are remembered, the one in force among them."""

Fingerprint = frozenset[tuple[str, int, int]]
Made = TypeVar("Made")

log = structlog.get_logger()


class Live(Generic[Made]):
    """What `load` makes of files, as they were when they were last right. Safe for several threads.

    `files` finds them, `what` is what the log calls them, `told` what it says of new ones. `load`
    raises QuadrupelError for what cannot be put in force. At construction the error is the
    caller's; later it is logged, once, and the old stays: if it is DeclarationRefused until the
    files change, else until what they need is there, such as the database or a column.
    """

    def __init__(
        self,
        what: str,
        files: Callable[[], Iterable[Path]],
        load: Callable[[], Made],
        told: Callable[[Made], Mapping[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reloaded = f"{what} reloaded"
        self._wrong = f"{what} changed and are wrong, the old ones stay"
        self._files = files
        self._load = load
        self._told = told
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = fingerprint(files())
        self._current = load()
        self._looked_at = clock()
        self._again_at = math.inf
        self._said = ""

    @property
    def current(self) -> Made:
        """What is in force."""
        return self._current

    def look(self, *, at_once: bool = False) -> Made:
        """What is in force, after reloading it if its files changed.

        `at_once`: the files are looked at even if they just were.
        """
        with self._lock:
            if at_once or self._clock() - self._looked_at >= LOOK_SECONDS:
                self._looked_at = self._clock()
                self._reload_if_changed()
            return self._current

    def _reload_if_changed(self) -> None:
        now = self._clock()
        try:
            found = fingerprint(self._files())
            if found == self._seen and now < self._again_at:
                return
            if found != self._seen:
                self._said = ""
            self._seen, self._again_at = found, math.inf
            self._current = self._load()
        except (QuadrupelError, OSError) as error:
            if not isinstance(error, DeclarationRefused):
                self._again_at = now + AGAIN_SECONDS
            if str(error) != self._said:
                log.warning(self._wrong, problems=str(error))
            self._said = str(error)
        else:
            log.info(self._reloaded, **self._told(self._current))


class LiveRules:
    """The rule set of a folder, see Live. Safe for several threads.

    `load` reads the folder; it refuses wrong scripts and templates, or attributes without a column.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[], RuleSet],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._kept: dict[str, RuleSet] = {}
        self._live = Live("rules", lambda: rule_files(folder), self._loaded, _told, clock)

    @property
    def current(self) -> RuleSet:
        """The rule set in force."""
        return self._live.current

    def look(self, others: Collection[str] = ()) -> RuleSet:
        """The rule set in force, after reloading it if its files changed.

        `others`: hashes of rule sets that others work with; if one is not ours, the files are
        looked at even if they just were.
        """
        return self._live.look(at_once=any(other != self.current.hash for other in others))

    def pinned(self, wanted: Collection[str]) -> RuleSet:
        """The rule set with one of these hashes, if it is or was in force here; else `look`.

        The last KEPT sets are remembered.
        """
        found = self.look(wanted)
        return next((self._kept[each] for each in wanted if each in self._kept), found)

    def _loaded(self) -> RuleSet:
        rules = self._load()
        others = [each for each in self._kept.values() if each.hash != rules.hash]
        self._kept = {each.hash: each for each in [*others[1 - KEPT :], rules]}
        return rules


def _told(rules: RuleSet) -> Mapping[str, Any]:
    return {"rules": len(rules.rules), "hash": rules.hash}


def rule_files(folder: Path) -> list[Path]:
    """What a rule set is read from: scripts, the calendar of holidays, templates of e-mails."""
    scripts = folder.rglob("*.py")
    return [*scripts, *folder.glob(holidays.FILE_NAME), *(folder / "templates").rglob("*")]


def fingerprint(files: Iterable[Path]) -> Fingerprint:
    """What changes when one of the files does: path, size and time of each."""
    return frozenset(
        (str(path), stat.st_size, stat.st_mtime_ns) for path in files if (stat := path.lstat())
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
