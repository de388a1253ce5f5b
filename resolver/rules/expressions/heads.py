"""The head of an expression: a simpler one that is found wherever the expression is found.

Some expressions have to remember. Whether `ads` has come by, in `ads.*track`, must be known to the end of
the name, and ten such expressions in one automaton make a thousand combinations of it. So where an
expression goes into a run of octets of nearly any kind, after it has asked for something particular, it is
cut: what stands before is its head, the common automaton looks for that, and the few names in which it is
found are searched once more for the whole expression, with an automaton of its own.

Expressions that begin with such a run (`^([a-z0-9-]+\\.)*ads`) are not cut there: many of them side by side
are in the same place of it at the same time, which is no combination.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from resolver.rules.expressions.determinise import wide_of
from resolver.rules.expressions.octets import octets
from resolver.rules.expressions.positions import MATCH, Positions, pruned

_PARTICULAR: Final = 12
"""Octets up to which a position asks for something particular: six letters in both cases, or the digits."""

_IN_EVERY_NAME: Final = octets(b".")

_ENOUGH: Final = 2
"""Particular octets behind which an expression is cut. Two letters stand in one name out of thirty; to
search one name out of ten once more costs what a tenth of an automaton does."""


def head_of(positions: Positions) -> Positions | None:
    """The head of an expression; None when it has no run of octets that it would have to remember."""
    wide = wide_of(positions)
    distances = _distances(positions)
    cut = {
        number
        for number in wide
        if distances.get(number, 0) >= _ENOUGH and not wide.isdisjoint(positions.follow[number])
    }
    if not cut:
        return None
    found = frozenset((MATCH,))
    follow = tuple(allowed if cut.isdisjoint(allowed) else found for allowed in positions.follow)
    return pruned(positions._replace(follow=follow))


def _distances(positions: Positions) -> dict[int, int]:
    """For each position, how many particular octets are consumed at least before it."""
    distances = dict.fromkeys((one for one in positions.first if one >= 0), 0)
    pending = deque(sorted(distances))
    while pending:  # a step costs nothing or one, so what costs nothing goes first
        position = pending.popleft()
        cost = _is_particular(positions.octets[position])
        reached = distances[position] + cost
        for one in positions.follow[position]:
            if one >= 0 and reached < distances.get(one, reached + 1):
                distances[one] = reached
                (pending.append if cost else pending.appendleft)(one)
    return distances


def _is_particular(octet_set: int) -> bool:
    """Whether few octets are in the set, and none that every name has."""
    return octet_set.bit_count() <= _PARTICULAR and not octet_set & _IN_EVERY_NAME
