"""Positions → a deterministic automaton (subset construction), within a bound of states.

The octets are first put into *classes* that no position tells apart; a state is a set of positions that may
consume the next octet, and of marks. Searching for hundreds of expressions makes such sets large: the first
positions of every expression are in all of them. But they are there because a position that takes every
octet and repeats itself can never be left. So a set is kept in two parts:

    context   the positions that can never be left, and with them all that they allow
    rest      the others: mostly two or three

Sets with the same context differ in the rest alone, and so do their rows of the table: a row starts as a copy
of its context's, and only the classes that the rest consumes are worked out. The time is that of what differs.

Numbers are given in the order of discovery, from sets of small integers; equal input makes equal output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from resolver.rules.expressions.octets import EVERY, members
from resolver.rules.expressions.positions import Positions


class Automaton(NamedTuple):
    """A deterministic automaton over classes of octets. It starts in state 0.

    classes   the octets of each class
    rows      for each state the next one, by class
    found     for each state the expressions that are found when it is entered
    at_end    for each state the expressions that are found when the name ends in it
    """

    classes: tuple[int, ...]
    rows: list[list[int]]
    found: list[tuple[int, ...]]
    at_end: list[tuple[int, ...]]


def determinise(positions: Positions, most_states: int, most_steps: int) -> Automaton | None:
    """The automaton of these positions; None when it needs more states, or more set unions, than this."""
    construction = _Construction(positions, most_states, most_steps)
    return construction.automaton() if construction.run() else None


def lasting(positions: Positions) -> frozenset[int]:
    """The positions that can never be left: they take every octet and allow themselves."""
    return frozenset(
        number
        for number, (octets, allowed) in enumerate(zip(positions.octets, positions.follow, strict=True))
        if octets == EVERY and number in allowed
    )


def classes_of(octet_sets: Sequence[int]) -> tuple[int, ...]:
    """The octets, put into the fewest classes that none of these sets divides; ordered by first octet."""
    parts = [EVERY]
    for octets in dict.fromkeys(octet_sets):
        if octets != EVERY:
            parts = [piece for part in parts for piece in (part & octets, part & ~octets) if piece]
    return tuple(sorted(parts, key=lambda part: part & -part))


class _Context:
    """The positions that can never be left, all they allow (`base`), and where each class leads from there.

    `row` is the table's row of a state whose rest is empty; it is filled in when the first such row is needed.
    """

    def __init__(self, number: int, held: frozenset[int], base: frozenset[int], steps: list[frozenset[int]]):
        self.number = number
        self.held = held
        self.base = base
        self.steps = steps
        self.row: list[int] = []


_NOTHING: Final[frozenset[int]] = frozenset()


class _Construction:
    """One subset construction."""

    def __init__(self, positions: Positions, most_states: int, most_steps: int) -> None:
        self._follow = positions.follow
        self._first = positions.first
        self._most_states = most_states
        self._steps_left = most_steps
        self._lasting = lasting(positions)
        self.classes = classes_of(positions.octets)
        by_set = {
            octets: tuple(number for number, one in enumerate(self.classes) if one & octets)
            for octets in set(positions.octets)
        }
        self._consumes = [by_set[octets] for octets in positions.octets]
        self._contexts: dict[frozenset[int], _Context] = {}
        self._numbers: dict[tuple[int, frozenset[int]], int] = {}
        self._states: list[tuple[_Context, frozenset[int]]] = []
        self._rows: list[list[int]] = []

    def run(self) -> bool:
        """Make every state and its row; False when that takes too much."""
        self._state(self._context(_NOTHING), self._first)
        for context, rest in self._states:  # which grows meanwhile
            self._rows.append(self._row(context, rest))
            if len(self._states) > self._most_states or self._steps_left < 0:
                return False
        return True

    def automaton(self) -> Automaton:
        """What `run` made."""
        found, at_end = [], []
        for context, rest in self._states:
            marks = [-1 - one for one in rest | context.base if one < 0]
            found.append(tuple(sorted(mark // 2 for mark in marks if not mark % 2)))
            at_end.append(tuple(sorted(mark // 2 for mark in marks if mark % 2)))
        return Automaton(self.classes, self._rows, found, at_end)

    def _row(self, context: _Context, rest: frozenset[int]) -> list[int]:
        """The next state for each class."""
        if not context.row:
            context.row = [self._state(context, step) for step in context.steps]
        row = context.row.copy()
        allowed: dict[int, list[frozenset[int]]] = {}
        for position in rest:
            if position >= 0:
                follow = self._follow[position]
                for number in self._consumes[position]:
                    allowed.setdefault(number, []).append(follow)
        for number, sets in allowed.items():
            self._steps_left -= 1 + len(sets) // 8
            row[number] = self._state(context, context.steps[number].union(*sets))
        return row

    def _state(self, context: _Context, allowed: frozenset[int]) -> int:
        """The number of the state with this context and what came to it."""
        if not self._lasting.isdisjoint(allowed):
            context = self._settled(context, allowed)
        rest = allowed - context.base
        key = (context.number, rest)
        number = self._numbers.setdefault(key, len(self._states))
        if number == len(self._states):
            self._states.append((context, rest))
        return number

    def _settled(self, context: _Context, allowed: frozenset[int]) -> _Context:
        """The context, with the lasting positions that have allowed all they will ever allow.

        One that has just come in has not: what it allows follows only with the next octet.
        """
        whole = allowed | context.base
        held = [one for one in self._lasting & allowed if self._follow[one] <= whole]
        return self._context(context.held.union(held)) if held else context

    def _context(self, held: frozenset[int]) -> _Context:
        """The context of these positions, made when it is first met."""
        context = self._contexts.get(held)
        if context is None:
            base = held.union(*(self._follow[position] for position in held))
            context = _Context(len(self._contexts), held, base, self._context_steps(base))
            self._contexts[held] = context
        return context

    def _context_steps(self, base: frozenset[int]) -> list[frozenset[int]]:
        """What the positions of a context allow beyond the context, by class."""
        allowed: list[set[int]] = [set() for _ in self.classes]
        for position in base:
            follow = self._follow[position] - base if position >= 0 else _NOTHING
            if follow:
                for number in self._consumes[position]:
                    allowed[number] |= follow
            self._steps_left -= 1
        return [frozenset(one) for one in allowed]
