"""The numbers of rules: which bit of `published.held` says that a rule holds.

A rule keeps its number for ever, also when it is removed and comes back, so what is published can
be compared with what a later rule set says, bit by bit.
"""

from collections.abc import Collection, Iterable, Mapping

import sqlalchemy as sa

from quadrupel.store.tables import rule_numbers


class RuleNumbers:
    """Finds numbers, and remembers them. Holds no connection. Safe for several threads."""

    def __init__(self) -> None:
        self._known: Mapping[str, int] | None = None

    def of(self, connection: sa.Connection, rules: Collection[str]) -> Mapping[str, int]:
        """The numbers of these rules and of others; rules that have none are given one.

        The others are all that had one when this was asked first, removed rules among them.
        """
        known = self._known
        if known is None or any(rule not in known for rule in rules):
            known = self._known = _read(connection)
        lacking = sorted(set(rules) - known.keys())
        # What is added is not remembered, since the transaction can still be undone.
        return _add(connection, lacking) if lacking else known


def foreseen(connection: sa.Connection, rules: Collection[str]) -> Mapping[str, int]:
    """As `RuleNumbers.of`, but nothing is written: what a rule that has no number may be given."""
    known = _read(connection)
    return known | _new(known, rules)


def _read(connection: sa.Connection) -> dict[str, int]:
    query = sa.select(rule_numbers.c.rule, rule_numbers.c.number)
    return dict(connection.execute(query).all())


def _add(connection: sa.Connection, rules: Iterable[str]) -> dict[str, int]:
    connection.execute(sa.text("LOCK TABLE rule_numbers IN SHARE ROW EXCLUSIVE MODE"))
    known = _read(connection)
    new = _new(known, rules)
    if new:
        rows = [{"rule": rule, "number": number} for rule, number in new.items()]
        connection.execute(sa.insert(rule_numbers), rows)
    return known | new


def _new(known: Mapping[str, int], rules: Iterable[str]) -> dict[str, int]:
    """The numbers of those rules that have none."""
    first = max(known.values(), default=-1) + 1
    lacking = sorted(set(rules) - known.keys())
    return {rule: first + place for place, rule in enumerate(lacking)}
