"""Trees: values that can be compared and kept."""

from __future__ import annotations

from resolver.rules.expressions.octets import EVERY
from resolver.rules.expressions.tree import Assertion, Choice, Repeat, Series, Symbol


def test_nodes_are_values() -> None:
    one = Series((Symbol(EVERY), Choice((Assertion("end"), Repeat(Symbol(1), 0, None)))))
    other = Series((Symbol(EVERY), Choice((Assertion("end"), Repeat(Symbol(1), 0, None)))))
    assert one == other and hash(one) == hash(other)
    assert one != other._replace(parts=other.parts[:1])
