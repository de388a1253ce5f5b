"""Positions: what allows what, and what assertions leave of it."""

from __future__ import annotations

import pytest

from resolver.rules.expressions.faults import Refused
from resolver.rules.expressions.octets import EVERY, OTHER, WORD, without_case
from resolver.rules.expressions.positions import AT_END, MATCH, Positions, positions_of, pruned, together
from resolver.rules.expressions.syntax import read_expression
from resolver.rules.expressions.tree import Node

A = without_case(1 << ord("a"))


def positions(text: str) -> Positions:
    node = read_expression(text)
    assert isinstance(node, Node)
    return positions_of(node)


def test_letter_is_looked_for_everywhere() -> None:
    found = positions("a")
    assert sorted(found.octets) == sorted((EVERY, A))
    anywhere, letter = found.octets.index(EVERY), found.octets.index(A)
    assert found.first == found.follow[anywhere] == {anywhere, letter}
    assert found.follow[letter] == {MATCH}


def test_start_leaves_nothing_of_everywhere() -> None:
    assert positions("^a") == Positions((A,), (frozenset((MATCH,)),), frozenset((0,)))


def test_end_is_a_mark() -> None:
    assert positions("^a$") == Positions((A,), (frozenset((AT_END,)),), frozenset((0,)))


@pytest.mark.parametrize("text", ["a*", "()", "a|", "(a?)*", r"\b|\B", "^"])
def test_what_every_name_holds_is_found_at_once(text: str) -> None:
    assert MATCH in positions(text).first


@pytest.mark.parametrize("text", ["a^", "$a", r"a\bb", r"^\Ba", r"-\b\."])
def test_what_no_name_can_hold_has_no_positions(text: str) -> None:
    assert positions(text) == Positions((), (), frozenset())


def test_what_follows_a_find_is_dropped() -> None:
    assert positions("^ab*(cd)*.*") == positions("^a")


def test_bound_narrows_what_comes_next() -> None:
    assert set(positions(r"^a\b.").octets) == {A, OTHER}
    assert set(positions(r"^a\B.").octets) == {A, WORD}


def test_bound_at_the_end_waits_for_one_octet_or_the_end() -> None:
    found = positions(r"^a\b")
    letter, after = found.octets.index(A), found.octets.index(OTHER)
    assert found.follow[letter] == {after, AT_END} and found.follow[after] == {MATCH}


def test_repetitions_are_written_out() -> None:
    assert len(positions("^a{7}").octets) == 7
    assert len(positions("^a{3,}b").octets) == 4
    assert len(positions("^(ab){0,3}c").octets) == 7


def test_too_many_empty_moves_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        positions("(.?){1999}")
    assert refused.value.fault.code == "regex-too-complex"


def test_together_keeps_the_marks_apart() -> None:
    one, other = positions("^a"), positions("^a$")
    both = together([one, other])
    assert both.octets == (A, A) and both.first == {0, 1}
    assert both.follow == (frozenset((MATCH,)), frozenset((AT_END - 2,)))


def test_pruned_drops_what_leads_nowhere() -> None:
    whole = Positions((1, 2, 4), (frozenset((1, 2)), frozenset((1,)), frozenset((MATCH,))), frozenset((0, 1)))
    assert pruned(whole) == Positions((1, 4), (frozenset((1,)), frozenset((MATCH,))), frozenset((0,)))
