"""A tree → its positions: an automaton without empty moves, assertions resolved (Glushkov 1961).

Each *position* consumes one octet of its set and then allows the positions of its `follow`. Besides positions
a follow set holds two marks: MATCH, the expression is found here; AT_END, it is found if the name ends here.

The way there is a Thompson automaton, whose empty moves may be guarded by assertions. A closure over such
moves knows what kind of octet was consumed last (none, a word octet, another), and learns under which kinds
of the next one each state is reached: `\\b` behind a word octet holds before another octet or the end. So

    ^ and \\b look back    settled while the closure is made
    $                     leaves AT_END and nothing else
    \\b and \\B look ahead  narrow the set of the next position; where the expression ends with one,
                          a last position that consumes the next octet stands for it

A position whose octets are of both kinds, in an expression with `\\b`, gets two companions, one for each
kind; they are allowed wherever it is, and hold what it allows after one kind only.

"Found anywhere" is a first position of every octet that repeats itself. Positions from which no mark can be
reached are dropped; what is allowed beside MATCH is dropped too, since found is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from resolver.rules.expressions.faults import Refused
from resolver.rules.expressions.octets import EVERY, NONE, OTHER, WORD
from resolver.rules.expressions.tree import Assertion, Choice, Node, Repeat, Series, Symbol

MATCH: Final = -1
"""Mark: found."""
AT_END: Final = -2
"""Mark: found if the name ends here."""


_MOST_MOVES: Final = 100_000
"""Empty moves followed for one expression: some 30 ms. Typical ones take some hundred."""


class Positions(NamedTuple):
    """The positions of one expression, or of several that are searched together.

    octets   the set of each position
    follow   what each allows: positions, and marks; those of the n-th expression are MATCH - 2n, AT_END - 2n
    first    what is allowed at the start of a name
    """

    octets: tuple[int, ...]
    follow: tuple[frozenset[int], ...]
    first: frozenset[int]


def positions_of(node: Node) -> Positions:
    """The positions of an expression that is searched for anywhere in a name.

    Raises Refused (`regex-too-complex`) when too many of them follow each other directly.
    """
    machine = _Thompson()
    again = machine.state()
    machine.octets[again] = EVERY
    machine.target[again] = start = machine.state()
    machine.empty[start].append((None, again))
    final = machine.add(node, start)
    return pruned(_Closures(machine, start, final).positions())


def together(expressions: list[Positions]) -> Positions:
    """Several expressions as one automaton, which tells them apart by their marks."""
    octets: list[int] = []
    follow: list[frozenset[int]] = []
    first: set[int] = set()
    for number, one in enumerate(expressions):
        base, marks = len(octets), 2 * number
        octets += one.octets
        follow += [_moved(allowed, base, marks) for allowed in one.follow]
        first |= _moved(one.first, base, marks)
    return Positions(tuple(octets), tuple(follow), frozenset(first))


def _moved(allowed: frozenset[int], base: int, marks: int) -> frozenset[int]:
    """A follow set under new numbers."""
    return frozenset([one + base if one >= 0 else one - marks for one in allowed])


_Place = str | None

# Kinds of the octet that comes next, as bits.
_NEXT_WORD: Final = 1
_NEXT_OTHER: Final = 2
_NEXT_END: Final = 4
_NEXT_ANY: Final = 7

# Kinds of the octet that was consumed last.
_AT_START: Final = 0
_AFTER_WORD: Final = 1
_AFTER_OTHER: Final = 2

_NO_WORD: Final = _NEXT_OTHER | _NEXT_END

_HOLDS: Final[Mapping[_Place, tuple[int, int, int]]] = {
    # what is asserted -> before which kinds it holds, at the start, after a word octet, after another
    None: (_NEXT_ANY, _NEXT_ANY, _NEXT_ANY),
    "start": (_NEXT_ANY, 0, 0),
    "end": (_NEXT_END, _NEXT_END, _NEXT_END),
    "bound": (_NEXT_WORD, _NO_WORD, _NEXT_WORD),
    "no-bound": (_NO_WORD, _NEXT_WORD, _NO_WORD),
}

_OCTETS_OF_KIND: Final = (NONE, WORD, OTHER, EVERY)
"""Bits of kinds, the end left out -> the octets of these kinds."""


class _Thompson:
    """States with empty moves, guarded or not; some consume an octet and go on to their target."""

    def __init__(self) -> None:
        self.empty: list[list[tuple[_Place, int]]] = []
        self.octets: list[int] = []
        self.target: list[int] = []
        self.has_bounds = False

    def state(self) -> int:
        """A new state."""
        self.empty.append([])
        self.octets.append(NONE)
        self.target.append(-1)
        return len(self.empty) - 1

    def _after(self, state: int, place: _Place = None) -> int:
        """A new state, behind an empty move."""
        new = self.state()
        self.empty[state].append((place, new))
        return new

    def add(self, node: Node, entry: int) -> int:
        """Build the node behind this state; the state that it ends in. Recurses as deep as the tree is."""
        if isinstance(node, Symbol):
            consuming = self._after(entry)
            self.octets[consuming] = node.octets
            self.target[consuming] = final = self.state()
            return final
        if isinstance(node, Assertion):
            self.has_bounds = self.has_bounds or "bound" in node.place
            return self._after(entry, node.place)
        if isinstance(node, Series):
            for part in node.parts:
                entry = self.add(part, entry)
            return entry
        if isinstance(node, Choice):
            final = self.state()
            for part in node.parts:
                self.empty[self.add(part, self._after(entry))].append((None, final))
            return final
        return self._add_repeat(node, entry)

    def _add_repeat(self, node: Repeat, entry: int) -> int:
        """The part, written out as often as is asked for; the last of `least` runs in a circle."""
        part, least, most = node
        for _ in range(least - (most is None)):
            entry = self.add(part, entry)
        if most is None:
            entry = self._after(entry)
            back = self.add(part, entry)
            self.empty[back].append((None, entry))
            return self._after(back if least else entry)
        final = self.state()
        for _ in range(most - least):
            self.empty[entry].append((None, final))
            entry = self.add(part, entry)
        self.empty[entry].append((None, final))
        return final


class _Closures:
    """The positions of a Thompson automaton, found by following its empty moves."""

    def __init__(self, machine: _Thompson, start: int, final: int) -> None:
        self._machine = machine
        self._start = start
        self._final = final
        self._numbers: dict[tuple[int, int, int], int] = {}
        """(state, octets, companion's kind or 0) -> number of the position."""
        self._keys: list[tuple[int, int, int]] = []
        self._octets: list[int] = []
        self._moves_left = _MOST_MOVES
        self._known: dict[tuple[int, int], frozenset[int]] = {}

    def positions(self) -> Positions:
        """All positions that can be reached."""
        first = self._allowed(self._start, _AT_START)
        follow: list[frozenset[int]] = []
        for key in self._keys:  # which grows meanwhile
            follow.append(self._follow(*key))
        return Positions(tuple(self._octets), tuple(follow), first)

    def _follow(self, state: int, octets: int, companion: int) -> frozenset[int]:
        """What a position allows once it has consumed its octet."""
        target = self._machine.target[state]
        if target < 0:  # it stood for an assertion at the end
            return frozenset((MATCH,))
        if not self._machine.has_bounds:
            return self._allowed(target, _AFTER_OTHER)
        if not octets & WORD:
            after_other = self._allowed(target, _AFTER_OTHER)
            return after_other - self._allowed(target, _AFTER_WORD) if companion else after_other
        after_word = self._allowed(target, _AFTER_WORD)
        if not octets & OTHER and not companion:
            return after_word
        after_other = self._allowed(target, _AFTER_OTHER)
        return after_word - after_other if companion else after_word & after_other

    def _allowed(self, entry: int, last: int) -> frozenset[int]:
        """The positions and marks reached from a state by empty moves, after an octet of kind `last`."""
        known = self._known.get((entry, last))
        if known is not None:
            return known
        allowed: set[int] = set()
        for state, kinds in self._reached(entry, last).items():
            if state == self._final:
                self._allow_final(kinds, allowed)
            elif octets := self._machine.octets[state] & _OCTETS_OF_KIND[kinds & 3]:
                self._allow(state, octets, allowed)
        result = frozenset((MATCH,)) if MATCH in allowed else frozenset(allowed)
        self._known[entry, last] = result
        return result

    def _reached(self, entry: int, last: int) -> dict[int, int]:
        """The states reached by empty moves, each with the kinds of next octet under which it is."""
        reached, pending = {entry: _NEXT_ANY}, [entry]
        while pending:
            state = pending.pop()
            kinds = reached[state]
            for place, target in self._machine.empty[state]:
                new = kinds & _HOLDS[place][last] | reached.get(target, 0)
                if new != reached.get(target, 0):
                    reached[target] = new
                    pending.append(target)
        self._moves_left -= len(reached)
        if self._moves_left < 0:
            raise Refused("regex-too-complex")
        return reached

    def _allow_final(self, kinds: int, allowed: set[int]) -> None:
        """The marks for an expression that ends here before such an octet."""
        if kinds == _NEXT_ANY:
            allowed.add(MATCH)
            return
        if kinds & _NEXT_END:
            allowed.add(AT_END)
        if kinds & 3:
            allowed.add(self._number(self._final, _OCTETS_OF_KIND[kinds & 3], 0))

    def _allow(self, state: int, octets: int, allowed: set[int]) -> None:
        """A position, and its companions if it needs them."""
        allowed.add(self._number(state, octets, 0))
        if self._machine.has_bounds and octets & WORD and octets & OTHER:
            allowed.add(self._number(state, octets & WORD, _AFTER_WORD))
            allowed.add(self._number(state, octets & OTHER, _AFTER_OTHER))

    def _number(self, state: int, octets: int, companion: int) -> int:
        """The number of a position, given when it is first met."""
        key = (state, octets, companion)
        number = self._numbers.setdefault(key, len(self._octets))
        if number == len(self._octets):
            self._keys.append(key)
            self._octets.append(octets)
        return number


def pruned(whole: Positions) -> Positions:
    """Without the positions that nothing reaches, or that reach no mark; the others keep their order."""
    before: list[list[int]] = [[] for _ in whole.octets]
    for number, allowed in enumerate(whole.follow):
        for one in allowed:
            if one >= 0:
                before[one].append(number)
    ends = [number for number, allowed in enumerate(whole.follow) if not allowed.isdisjoint(_MARKS)]
    useful = _reachable(ends, before) & _reachable(whole.first, whole.follow)
    kept = sorted(useful)
    new = {old: number for number, old in enumerate(kept)} | {mark: mark for mark in _MARKS}
    return Positions(
        tuple(whole.octets[old] for old in kept),
        tuple(frozenset([new[one] for one in whole.follow[old] if one in new]) for old in kept),
        frozenset([new[one] for one in whole.first if one in new]),
    )


def _reachable(start: Iterable[int], steps: Sequence[Iterable[int]]) -> set[int]:
    """The positions that are reached from these, with these."""
    pending = [one for one in start if one >= 0]
    reached = set(pending)
    while pending:
        for one in steps[pending.pop()]:
            if one >= 0 and one not in reached:
                reached.add(one)
                pending.append(one)
    return reached


_MARKS: Final = frozenset((MATCH, AT_END))
