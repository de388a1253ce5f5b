"""Heads: what is cut, what is not, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given

from resolver.rules.expressions.heads import head_of
from resolver.rules.expressions.positions import MATCH, Positions, together
from tests.unit.rules.expressions.shapes import EXPRESSIONS, SUBJECTS
from tests.unit.rules.expressions.test_positions import positions

CUT = {
    "ads.*track": "ads",
    "^ads[a-z0-9-]+x": "^ads",
    "ads.{2,9}x": "ads",
    "ab[a-z]*c|de": "ab|de",
}

WHOLE = [
    "ads",
    "^ads[0-9]*[_.-]",
    r"^([a-z0-9-]+\.)*ads\.",  # nothing particular stands before the run
    r"(^|\.)[a-z]+ads",
    "a.*b",  # one letter is too little
    "ads[a-z]track",  # one octet is no run
]


@pytest.mark.parametrize(("text", "head"), CUT.items(), ids=repr)
def test_cut(text: str, head: str) -> None:
    assert head_of(positions(text)) == positions(head)


@pytest.mark.parametrize("text", WHOLE)
def test_not_cut(text: str) -> None:
    assert head_of(positions(text)) is None


def _finds(whole: Positions, subject: str) -> bool:
    """Whether the positions find their only expression, by walking their sets."""
    allowed = whole.first
    for octet in subject.encode():
        if MATCH in allowed:
            return True
        steps = [whole.follow[one] for one in allowed if one >= 0 and whole.octets[one] >> octet & 1]
        allowed = frozenset().union(*steps)
    return any(one < 0 for one in allowed)


@given(EXPRESSIONS, SUBJECTS)
def test_head_is_found_where_the_expression_is(text: str, subject: str) -> None:
    whole = positions(f"ab(?:{text})")
    head = head_of(whole)
    if head is not None and _finds(whole, subject):
        assert _finds(head, subject)


def test_heads_go_together_like_expressions() -> None:
    head = head_of(positions("ads.*track"))
    assert head is not None and len(together([head, head]).octets) == 2 * len(head.octets)
