"""Positions → a deterministic automaton (subset construction), within a bound of states.

The octets are first put into *classes* that no position tells apart; a state is a set of positions that may
consume the next octet, and of marks. Searching for hundreds of expressions makes such sets large, but most of
what they hold they have in common. So a set is kept in three parts:

    held   positions that take every octet and repeat themselves, and so can never be left; with all that
           they allow, such as the first positions of every expression. This is not even written down
    wide   other positions that take most octets, such as those of `[a-z0-9-]+`
    rest   the others: mostly two or three

Held and wide positions are a *context*. Sets with the same context differ in the rest alone, and so do their
rows: a row starts as a copy of its context's, and only the classes that the rest consumes are worked out.

Numbers are given in the order of discovery, from sets of small integers; equal input makes equal output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from resolver.rules.expressions.octets import EVERY
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


WIDE: Final = 26
"""Octets from which on a position counts as one that takes most: names have some 40 different ones."""


def lasting(positions: Positions) -> frozenset[int]:
    """The positions that can never be left: they take every octet and allow themselves."""
    return frozenset(
        number
        for number, (octets, allowed) in enumerate(zip(positions.octets, positions.follow, strict=True))
        if octets == EVERY and number in allowed
    )


def wide_of(positions: Positions) -> frozenset[int]:
    """The positions that take most octets."""
    return frozenset(number for number, octets in enumerate(positions.octets) if octets.bit_count() >= WIDE)


def classes_of(octet_sets: Sequence[int]) -> tuple[int, ...]:
    """The octets, put into the fewest classes that none of these sets divides; ordered by first octet."""
    parts = [EVERY]
    for octets in dict.fromkeys(octet_sets):
        if octets != EVERY:
            parts = [piece for part in parts for piece in (part & octets, part & ~octets) if piece]
    return tuple(sorted(parts, key=lambda part: part & -part))


_NOTHING: Final[frozenset[int]] = frozenset()

_Parts = tuple[frozenset[int], frozenset[int]]
"""A set of positions and marks in two parts: rest and wide."""


class _Held:
    """Positions that can never be left, and `base`: those, and all that they allow."""

    def __init__(self, positions: frozenset[int], base: frozenset[int]) -> None:
        self.positions = positions
        self.base = base
        self.marks = [one for one in base if one < 0]


class _Context:
    """Held and wide positions, and where each class leads from there (`steps`, without the base).

    `row` is that of a state whose rest is empty; it is filled in when the first row is needed.
    """

    def __init__(self, number: int, held: _Held, steps: list[_Parts]) -> None:
        self.number = number
        self.held = held
        self.steps = steps
        self.row: list[int] = []


class _Construction:
    """One subset construction."""

    def __init__(self, positions: Positions, most_states: int, most_steps: int) -> None:
        self._first = positions.first
        self._most_states = most_states
        self._steps_left = most_steps
        self._lasting = lasting(positions)
        self._wide = wide_of(positions)
        self._parts: list[_Parts] = [self._parted(allowed) for allowed in positions.follow]
        self._follow = positions.follow
        self.classes = classes_of(positions.octets)
        by_set = {
            octets: tuple(number for number, one in enumerate(self.classes) if one & octets)
            for octets in set(positions.octets)
        }
        self._consumes = [by_set[octets] for octets in positions.octets]
        self._helds: dict[frozenset[int], _Held] = {}
        self._contexts: dict[tuple[frozenset[int], frozenset[int]], _Context] = {}
        self._numbers: dict[tuple[int, frozenset[int]], int] = {}
        self._states: list[tuple[_Context, frozenset[int]]] = []
        self._rows: list[list[int]] = []

    def _parted(self, allowed: frozenset[int]) -> _Parts:
        """The rest and the wide positions of a set."""
        wide = allowed & self._wide
        return (allowed - wide, wide) if wide else (allowed, _NOTHING)

    def run(self) -> bool:
        """Make every state and its row; False when that takes too much."""
        self._state(self._held(_NOTHING), *self._parted(self._first))
        for context, rest in self._states:  # which grows meanwhile
            self._rows.append(self._row(context, rest))
            if len(self._states) > self._most_states or self._steps_left < 0:
                return False
        return True

    def automaton(self) -> Automaton:
        """What `run` made."""
        found, at_end = [], []
        for context, rest in self._states:
            marks = [-1 - one for one in rest if one < 0] + [-1 - one for one in context.held.marks]
            found.append(tuple(sorted(mark // 2 for mark in marks if not mark % 2)))
            at_end.append(tuple(sorted(mark // 2 for mark in marks if mark % 2)))
        return Automaton(self.classes, self._rows, found, at_end)

    def _row(self, context: _Context, rest: frozenset[int]) -> list[int]:
        """The next state for each class."""
        held = context.held
        if not context.row:
            context.row = [self._state(held, *step) for step in context.steps]
        row = context.row.copy()
        allowed: dict[int, list[_Parts]] = {}
        for position in rest:
            if position >= 0:
                parts = self._parts[position]
                for number in self._consumes[position]:
                    allowed.setdefault(number, []).append(parts)
        for number, sets in allowed.items():
            new, wide = context.steps[number]
            new = new.union(*[one for one, _ in sets])
            self._steps_left -= 1 + (len(sets) + len(new)) // 16
            if any(one for _, one in sets):
                wide = wide.union(*[one for _, one in sets])
            row[number] = self._state(held, new, wide)
        return row

    def _state(self, held: _Held, rest: frozenset[int], wide: frozenset[int]) -> int:
        """The number of the state with these positions and marks, beside what the held ones allow."""
        if not self._lasting.isdisjoint(wide):
            held = self._settled(held, rest, wide)
        if held.base:
            rest -= held.base
            if wide:
                wide -= held.base
        context = self._contexts.get((held.positions, wide)) or self._context(held, wide)
        key = (context.number, rest)
        number = self._numbers.setdefault(key, len(self._states))
        if number == len(self._states):
            self._states.append((context, rest))
        return number

    def _settled(self, held: _Held, rest: frozenset[int], wide: frozenset[int]) -> _Held:
        """The held positions, with those lasting ones that have allowed all they will ever allow.

        One that has just come in has not: what it allows follows only with the next octet.
        """
        whole = held.base.union(rest, wide)
        new = [one for one in self._lasting & wide if self._follow[one] <= whole]
        return self._held(held.positions.union(new)) if new else held

    def _held(self, positions: frozenset[int]) -> _Held:
        """The held positions with their base, made when they are first met."""
        held = self._helds.get(positions)
        if held is None:
            base = positions.union(*(self._follow[position] for position in positions))
            held = self._helds[positions] = _Held(positions, base)
        return held

    def _context(self, held: _Held, wide: frozenset[int]) -> _Context:
        """A new context, and what its positions allow beyond its base, by class."""
        allowed: list[list[frozenset[int]]] = [[] for _ in self.classes]
        for position in held.base | wide:
            follow = self._follow[position] - held.base if position >= 0 else _NOTHING
            if follow:
                consumes = self._consumes[position]
                for number in consumes:
                    allowed[number].append(follow)
                self._steps_left -= 1 + len(follow) * len(consumes) // 16
        steps = [self._parted(_NOTHING.union(*one)) for one in allowed]
        context = self._contexts[held.positions, wide] = _Context(len(self._contexts), held, steps)
        return context
