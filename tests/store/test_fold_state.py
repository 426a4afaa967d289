"""The packed fold state: marks that stay packed are those that a plain dict would hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.marks import NEVER
from quadrupel.core.profiles import FoldState
from quadrupel.store import fold_state
from quadrupel.store.fold_state import PackedMarks

tags = st.integers(0, 2**32 - 1)
marks = st.tuples(
    st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)
)
states = st.builds(
    FoldState,
    st.dictionaries(tags, marks, max_size=5),
    st.dictionaries(st.integers(0, 2**64 - 1), st.integers(719_163, 784_698), max_size=5),
    st.dictionaries(
        st.integers(0, 2**32 - 1),
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1)),
        max_size=3,
    ),
)


@given(states)
def test_a_state_is_the_same_after_packing_and_its_bytes_too(state):
    packed = fold_state.pack(state)
    assert fold_state.unpack(packed) == state
    assert fold_state.pack(fold_state.unpack(packed)) == packed


@given(states, st.dictionaries(tags, marks, max_size=3), tags)
def test_packed_marks_are_changed_as_a_dict_is(state, more, asked):
    plain = dict(state.marks)
    held = fold_state.unpack(fold_state.pack(state)).marks
    for each in (plain, held):
        each.update(more)
        each[asked] = NEVER
    assert held == plain
    assert len(held) == len(plain)
    assert [held[tag] for tag in plain] == list(plain.values())
    assert held.get(asked) == NEVER
    assert held.pop(asked) == NEVER
    assert asked not in held
    assert held.get(asked, "none") == "none"
    del plain[asked]
    assert fold_state.pack(FoldState(held)) == fold_state.pack(FoldState(plain))


def test_the_order_in_which_marks_come_does_not_show():
    one, other = PackedMarks.of({2: NEVER, 1: NEVER}), PackedMarks.of({1: NEVER, 2: NEVER})
    assert one.pack() == other.pack()


def test_a_state_of_a_newer_format_is_refused():
    with pytest.raises(ValueError, match="format 3"):
        fold_state.unpack(bytes([3, 0, 0, 0, 0]))
