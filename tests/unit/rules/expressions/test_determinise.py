"""Subset construction: classes, states, bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.expressions.determinise import Automaton, classes_of, determinise, lasting, wide_of
from resolver.rules.expressions.octets import EVERY, octets
from resolver.rules.expressions.positions import Positions, together
from tests.unit.rules.expressions.test_positions import positions


def automaton(*texts: str, states: int = 1000, steps: int = 100_000) -> Automaton | None:
    return determinise(together([positions(text) for text in texts]), states, steps)


@given(st.lists(st.integers(0, EVERY), max_size=6))
def test_classes_divide_the_octets_as_the_sets_do(sets: list[int]) -> None:
    classes = classes_of(sets)
    assert sum(classes) == EVERY and all(classes)
    assert all(one & two in (0, one) for one in classes for two in sets)
    # No two classes could be one.
    assert len({tuple(bool(one & two) for two in sets) for one in classes}) == len(classes)


def test_states_of_a_word() -> None:
    found = automaton("^ab")
    assert found is not None
    # Two letters on the way, one found, one from where nothing leads to it.
    assert len(found.rows) == 4
    assert sorted(found.found) == [(), (), (), (0,)]


def test_words_share_states_and_not_marks() -> None:
    found = automaton("ab", "abc", "b$")
    assert found is not None
    assert {(0,), (1,)} < set(found.found)
    assert {one for one in found.at_end if one} == {(2,)}


def test_bounds_end_the_construction() -> None:
    hard = "(a|b)*a(a|b){12}"
    assert automaton(hard, states=500) is None
    assert automaton(hard, states=100_000, steps=500) is None
    assert automaton(hard, states=10_000, steps=10_000_000) is not None


def test_lasting_and_wide_positions() -> None:
    found = positions("a.*b[a-z0-9-]c")
    assert {found.octets[one] for one in lasting(found)} == {EVERY}
    assert len(lasting(found)) == 2  # the one before, and that of `.*`
    assert len(wide_of(found)) == 3


def test_equal_input_makes_equal_output() -> None:
    whole = together([positions("a.*b"), positions("ba+"), positions(r"\bab")])
    assert determinise(whole, 1000, 10_000) == determinise(whole, 1000, 10_000)


def test_no_positions_make_one_state() -> None:
    assert determinise(Positions((), (), frozenset()), 10, 10) == Automaton((EVERY,), [[0]], [()], [()])


def test_class_of_one_octet() -> None:
    found = automaton(r"^\.$")
    assert found is not None and set(found.classes) == {octets(b"."), EVERY ^ octets(b".")}
