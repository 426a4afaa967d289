"""Words of 64 bits as databases and frames have them: signed, whatever the bits say."""

from collections.abc import Iterable

WORD = 64
"""The bits of a word."""

WORDS: int = 2**WORD
"""How many different words there are."""


def to_signed(word: int) -> int:
    """The signed integer of the same 64 bits as an unsigned one."""
    return word - WORDS if word >= WORDS // 2 else word


def from_signed(word: int) -> int:
    """The unsigned integer of the same bits as a signed one, or as a sum of such, modulo 2**64."""
    return word % WORDS


def words(numbers: Iterable[int]) -> list[int]:
    """The words in which the bits of these numbers are set, as signed integers.

    There are no empty ones at the end.
    """
    bits = 0
    for number in numbers:
        bits |= 1 << number
    found = []
    while bits:
        found.append(to_signed(bits % WORDS))
        bits >>= WORD
    return found


def word_count(numbers: Iterable[int]) -> int:
    """How many words have a bit for each of these numbers."""
    return max(numbers, default=-1) // WORD + 1
