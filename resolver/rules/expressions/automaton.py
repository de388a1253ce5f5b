"""The expressions of a list as automata: built when the list is compiled, walked for each name.

    check     whether an expression alone can be read and stays small
    build     all expressions of a list -> tables
    Matcher   tables over a mapped file -> which expressions are found in a name

Searching costs one step for each octet of the name and each automaton, whatever the expressions are and
however many of them share an automaton. So as many as possible do. Most add to an automaton what they
would take alone; some (`ads.*track`) multiply it, since whether they have begun must be remembered beside
everything else. Those are searched for by their heads (`resolver.rules.expressions.heads`). Building tries
all at once and halves what still grows beyond its share of states, those that remember apart from the others.
Time and size are bounded by counting states and steps.

An `Allowance` bounds what one list may ask for. This module must not know rules or formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from resolver.dns.names import Fault
from resolver.errors import CorruptFile
from resolver.rules.expressions.determinise import Automaton, determinise, lasting
from resolver.rules.expressions.faults import Refused, fault
from resolver.rules.expressions.heads import head_of
from resolver.rules.expressions.octets import EVERY
from resolver.rules.expressions.positions import MATCH, Positions, positions_of, together
from resolver.rules.expressions.syntax import read_expression
from resolver.rules.expressions.tables import AT_END, FOUND, Named, Table, pack, unpack

MAX_EXPRESSIONS: Final = 2000
"""Expressions of one list."""

MAX_STATES_ALONE: Final = 1024
"""States of one expression alone; typical ones have 10 to 60."""

_MAX_STEPS_ALONE: Final = 20_000
"""Set unions that one expression may take alone: some 20 ms."""

MAX_STATES: Final = 1 << 15
"""States of one automaton of several expressions."""

_ALL_STATES: Final = 1 << 16
"""States that the expressions of a list may take together beyond those they need."""

_STEPS_PER_STATE: Final = 64
"""Set unions for each state that is allowed; typical automata take 5."""

_MAX_SPENT: Final = 200_000
"""Positions and states, found while checking, that the expressions of a list may take together."""


def check(text: str) -> Fault | None:
    """Why an expression cannot be used; None when it can. Some 0.5 ms for a typical one, 50 ms at most."""
    cost = _cost(text)
    return cost if isinstance(cost, Fault) else None


def _cost(text: str) -> int | Fault:
    """The states that an expression takes alone."""
    positions = _positions(text)
    if isinstance(positions, Fault):
        return positions
    automaton = determinise(positions, MAX_STATES_ALONE, _MAX_STEPS_ALONE)
    return fault("regex-too-complex") if automaton is None else len(automaton.rows)


def _positions(text: str) -> Positions | Fault:
    """The positions of an expression, or why it cannot be used."""
    node = read_expression(text)
    if isinstance(node, Fault):
        return node
    try:
        return positions_of(node)
    except Refused as refused:
        return refused.fault


class Allowance:
    """What one list may ask for: a number of expressions, and states for all of them together.

    A list of a million hard expressions so costs no more than one of two thousand: behind the bound nothing
    is read any more.
    """

    def __init__(self) -> None:
        self._left = MAX_EXPRESSIONS
        self._states_left = _MAX_SPENT

    def check(self, text: str) -> Fault | None:
        """Why an expression cannot be used in this list; None when it can, and is then counted."""
        if self._left <= 0 or self._states_left <= 0:
            return fault("regex-too-many")
        cost = _cost(text)
        if isinstance(cost, Fault):
            # A refused one cost time as well: at most that of the largest.
            self._states_left -= MAX_STATES_ALONE if cost.code == "regex-too-complex" else _REFUSED_COST
            return cost
        self._left -= 1
        self._states_left -= cost
        return None


_REFUSED_COST: Final = 10


def build(sources: Sequence[str]) -> bytes:
    """The tables of these expressions for `Matcher`; equal sources, equal tables.

    Each must have passed `check`; raises ValueError naming the first that cannot be used. Some 1 ms
    for each of a typical list. The last tables are remembered: a list's expressions are searched by the
    guard before they are compiled.
    """
    return _build(tuple(sources))


@lru_cache(maxsize=1)
def _build(sources: tuple[str, ...]) -> bytes:
    """What `build` makes."""
    always: list[int] = []
    members: list[_Member] = []
    further: list[Named] = []
    for text, named in _numbered(sources).items():
        positions = _positions(text)
        if isinstance(positions, Fault):
            raise ValueError(f"{text!r} cannot be used: {positions.sentence}")
        if MATCH in positions.first:
            always += named
            continue
        head = head_of(positions)
        if head is not None:
            further.append((_alone(text, positions), [named]))
            positions, named = head, [len(sources) + len(further) - 1]
        members.append(_Member(text, positions, named))
    return pack(_grouped(sorted(members, key=_Member.order)), further, always, len(sources))


def _numbered(sources: Sequence[str]) -> dict[str, list[int]]:
    """Each text once, with the places where it stands."""
    numbered: dict[str, list[int]] = {}
    for number, text in enumerate(sources):
        numbered.setdefault(text, []).append(number)
    return numbered


class _Member:
    """One expression on its way into an automaton: its text, its positions, the sources that it is."""

    def __init__(self, text: str, positions: Positions, named: Sequence[int]) -> None:
        self.text = text
        self.positions = positions
        self.named = named

    def order(self) -> tuple[int, str]:
        """Expressions that remember stand behind the others, so that halving parts them."""
        return self._memory(), self.text

    def _memory(self) -> int:
        """How many positions that can never be left are reached by more than the passing of any octets."""
        positions = self.positions
        early, pending = set(positions.first), list(positions.first)
        while pending:
            one = pending.pop()
            if one >= 0 and positions.octets[one] == EVERY:
                new = positions.follow[one] - early
                early |= new
                pending += new
        return len(lasting(positions) - early)


def _grouped(members: Sequence[_Member]) -> list[Named]:
    """The expressions in automata as few as their share allows. Raises ValueError for one too complex."""
    done: list[Named] = []
    pending = [members] if members else []
    while pending:
        group = pending.pop()
        automaton = (
            _shared(group, len(group) / len(members))
            if len(group) > 1
            else _alone(group[0].text, group[0].positions)
        )
        if automaton is not None:
            done.append((automaton, [one.named for one in group]))
        else:
            half = _parted(group)
            pending += [group[half:], group[:half]]
    return done


def _alone(text: str, positions: Positions) -> Automaton:
    """The automaton of one expression. Raises ValueError when it is too complex."""
    automaton = determinise(positions, MAX_STATES, MAX_STATES * _STEPS_PER_STATE)
    if automaton is None:
        raise ValueError(f"{text!r} is too complex an expression")
    return automaton


def _shared(group: Sequence[_Member], share: float) -> Automaton | None:
    """One automaton for a group that is this share of all; None when it would be too large."""
    positions = together([one.positions for one in group])
    # Either what the expressions would take apart, or their share of what is there for all.
    most = min(MAX_STATES, max(len(positions.octets) + 64, int(_ALL_STATES * share)))
    return determinise(positions, most, most * _STEPS_PER_STATE)


def _parted(group: Sequence[_Member]) -> int:
    """Where to divide a group: before those that remember, or in the middle if it has but one kind."""
    quiet = sum(1 for one in group if not one.order()[0])
    return quiet if 0 < quiet < len(group) else len(group) // 2


class Matcher:
    """Finds the expressions of `build` in names. Raises CorruptFile when the tables are inconsistent.

    The tables are read where they are, in the buffer; every number that leads a walk is checked once, here.
    """

    def __init__(self, tables: bytes | memoryview) -> None:
        unpacked = unpack(tables)
        self.sources: Final[int] = unpacked.sources
        self._always = unpacked.always
        self._lists = unpacked.lists
        self._automata = tuple(map(_walkable, unpacked.automata))
        self._further = tuple(map(_walkable, unpacked.further))

    def find(self, subject: bytes) -> tuple[int, ...]:
        """The places of all sources that are found in a subject (`resolver.rules.expressions.subject`),
        ascending. Some 1.2 µs for each automaton and a name of 25 octets."""
        lists = _walk(self._automata, subject)
        return self._found(lists, subject) if lists else self._always

    def _found(self, lists: Sequence[int], subject: bytes) -> tuple[int, ...]:
        """The sources of several lists, each once; where they name further automata, these are asked."""
        found = self._united(lists)
        heads = [one - self.sources for one in found if one >= self.sources]
        if heads:
            found |= self._united(_walk([self._further[one] for one in heads], subject))
        found.update(self._always)
        return tuple(sorted(one for one in found if one < self.sources))

    def _united(self, numbers: Sequence[int]) -> set[int]:
        """The entries of several lists. Raises CorruptFile for a list that does not exist."""
        found: set[int] = set()
        for number in set(numbers):
            if number >= len(self._lists):
                raise CorruptFile("its expressions lead to a list that does not exist")
            found.update(self._lists[number])
        return found


_Walkable = tuple[bytes, Sequence[int], int, int, int, int]


def _walkable(table: Table) -> _Walkable:
    """What a walk needs of a table, with the columns of its lists."""
    classes, numbers, width, start, found_from = table
    return classes, numbers, start, found_from, width + AT_END, width + FOUND


def _walk(automata: Sequence[_Walkable], subject: bytes) -> list[int]:
    """The lists that automata find in a subject. The hot loop of expressions."""
    lists: list[int] = []
    for classes, numbers, state, found_from, at_end, found in automata:
        for symbol in subject.translate(classes):
            state = numbers[state + symbol]
            if state >= found_from:
                lists.append(numbers[state + found])
        if numbers[state + at_end]:
            lists.append(numbers[state + at_end])
    return lists
