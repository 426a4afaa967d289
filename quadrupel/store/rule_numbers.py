"""The numbers of rules: which bit of `published.held` says that a rule holds.

A rule keeps its number for ever, also when it is removed and comes back, so what is published can
be compared with what a later rule set says, bit by bit.
"""

from collections.abc import Collection, Iterable, Mapping

import sqlalchemy as sa

from quadrupel.store.tables import rule_numbers

WORD = 64
"""How many rules a word of `held` has bits for."""


class RuleNumbers:
    """Finds numbers, and remembers them. Holds no connection. Safe for several threads."""

    def __init__(self) -> None:
        self._known: Mapping[str, int] = {}

    def of(self, connection: sa.Connection, rules: Collection[str]) -> Mapping[str, int]:
        """The numbers of these rules, and maybe of others; rules that have none are given one."""
        if self._lacks(rules):
            self._known = _read(connection)
        lacking = sorted(set(rules) - self._known.keys())
        if not lacking:
            return self._known
        # Not remembered, since the transaction can still be undone.
        return _add(connection, lacking)

    def _lacks(self, rules: Iterable[str]) -> bool:
        return any(rule not in self._known for rule in rules)


def words(held: Iterable[str], numbers: Mapping[str, int]) -> list[int]:
    """The words in which the rules' bits are set, as signed 64-bit integers, without empty last."""
    bits = 0
    for rule in held:
        bits |= 1 << numbers[rule]
    return list(_signed(bits))


def word_count(numbers: Mapping[str, int]) -> int:
    """How many words the bits of all numbers take."""
    return max(numbers.values(), default=-1) // WORD + 1


def signed(word: int) -> int:
    """An unsigned 64-bit word as Postgres and Polars have it."""
    return word - 2**WORD if word >= 2 ** (WORD - 1) else word


def _signed(bits: int) -> Iterable[int]:
    while bits:
        yield signed(bits % 2**WORD)
        bits >>= WORD


def _read(connection: sa.Connection) -> dict[str, int]:
    query = sa.select(rule_numbers.c.rule, rule_numbers.c.number)
    return dict(connection.execute(query).all())


def _add(connection: sa.Connection, rules: Iterable[str]) -> dict[str, int]:
    connection.execute(sa.text("LOCK TABLE rule_numbers IN SHARE ROW EXCLUSIVE MODE"))
    known = _read(connection)
    first = max(known.values(), default=-1) + 1
    lacking = [rule for rule in rules if rule not in known]
    new = {rule: first + place for place, rule in enumerate(lacking)}
    if new:
        rows = [{"rule": rule, "number": number} for rule, number in new.items()]
        connection.execute(sa.insert(rule_numbers), rows)
    return known | new
