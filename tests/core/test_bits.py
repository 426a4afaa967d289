from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.bits import WORD, from_signed, to_signed, word_count, words

NUMBERS = st.sets(st.integers(0, 300))


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_words_add_up_in_a_database_of_signed_integers(unsigned):
    assert all(-(2**63) <= to_signed(each) < 2**63 for each in unsigned)
    assert from_signed(sum(map(to_signed, unsigned))) == sum(unsigned) % 2**64


@given(NUMBERS)
def test_words_have_the_bits_of_the_numbers_and_no_others(numbers):
    found = words(numbers)
    assert len(found) == word_count(numbers)
    bits = [from_signed(found[number // WORD]) >> number % WORD & 1 for number in sorted(numbers)]
    assert bits == [1] * len(numbers)
    assert sum(from_signed(word).bit_count() for word in found) == len(numbers)


def test_no_numbers_take_no_words():
    assert (words([]), word_count([])) == ([], 0)
