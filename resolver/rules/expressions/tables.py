"""The block of octets that holds the automata of a list: written by `pack`, read in place by `unpack`.

       0  magic     "BLSHEXP1"
       8  sources   u32, how many expressions there are
      12  automata  u32, how many every name is searched with
      16  lists     u32, how many lists of expressions
      20  indices   u32, how many entries these have together
      24  further   u32, how many automata are asked only where the others send a name
      28  heads     for each automaton: 256 octets, the class of each octet; then u32 each: width of a row,
                    states, start, lowest state in which something is found (both as places in the table)
      ..  ends      u32 each: where each list ends among the indices; list 0 is empty, list 1 are the
                    expressions that every name holds
      ..  indices   u32 each, ascending within a list; from `sources` on they mean a further automaton
      ..  tables    u32 each, one row after the other

A row has the next state for each class, as the place of its row in the table, and two lists: what is found
when the name ends here, and what is found on entering. States in which something is found stand last, so one
comparison tells them. Numbers are little-endian; nothing in the block depends on where it stands.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from struct import Struct, error
from sys import byteorder
from typing import Final, NamedTuple

from resolver.errors import CorruptFile
from resolver.rules.expressions.determinise import Automaton
from resolver.rules.expressions.octets import members

_MAGIC: Final = b"BLSHEXP1"
_HEAD: Final = Struct("<8sIIIII")
_AUTOMATON: Final = Struct("<256sIIII")
_NUMBER: Final = 4

AT_END: Final = -2
FOUND: Final = -1
"""Where in a row the two lists stand, from its end."""

_EVERY_NAME: Final = 1
"""The list of the expressions that every name holds."""


class Table(NamedTuple):
    """One automaton, ready to be walked: `numbers[state + classes[octet]]` is the next state.

    States from `found_from` on find something on entering.
    """

    classes: bytes
    numbers: Sequence[int]
    width: int
    start: int
    found_from: int


class Tables(NamedTuple):
    """What a block holds.

    sources    how many expressions there are
    always     those that every name holds
    lists      what the numbers of the tables stand for; an entry of `sources` + n is the further automaton n
    automata   every name is searched with them
    further    asked only where an automaton finds so
    """

    sources: int
    always: tuple[int, ...]
    lists: tuple[tuple[int, ...], ...]
    automata: tuple[Table, ...]
    further: tuple[Table, ...]


Named = tuple[Automaton, Sequence[Sequence[int]]]
"""An automaton, and what each of its expressions stands for: entries of lists."""


def pack(automata: Sequence[Named], further: Sequence[Named], always: Sequence[int], sources: int) -> bytes:
    """The block of these automata; the fields are those of `Tables`."""
    lists = _Lists()
    lists.number(always)
    heads, tables = [], []
    for automaton, named in (*automata, *further):
        head, numbers = _table(automaton, named, lists)
        heads.append(head)
        tables.append(_octets(numbers))
    ends = array("I", accumulate(map(len, lists.members)))
    indices = array("I", [one for members in lists.members for one in members])
    head = _HEAD.pack(_MAGIC, sources, len(automata), len(further), len(ends), len(indices))
    return b"".join((head, *heads, _octets(ends), _octets(indices), *tables))


class _Lists:
    """The lists that tables name by number: each once, but for that of every name, which has its place."""

    def __init__(self) -> None:
        self.members: list[tuple[int, ...]] = [()]
        self._numbers: dict[tuple[int, ...], int] = {}

    def number(self, entries: Iterable[int]) -> int:
        """The number of a list; 0 when it is empty, once that of every name is there."""
        members = tuple(sorted(entries))
        if not members and len(self.members) > _EVERY_NAME:
            return 0
        number = self._numbers.setdefault(members, len(self.members))
        if number == len(self.members):
            self.members.append(members)
        return number


def _table(automaton: Automaton, named: Sequence[Sequence[int]], lists: _Lists) -> tuple[bytes, array[int]]:
    """The head of one automaton and its table."""
    silent = [state for state, found in enumerate(automaton.found) if not found]
    order = silent + [state for state, found in enumerate(automaton.found) if found]
    width = len(automaton.classes) + 2
    place = [0] * len(order)
    for number, state in enumerate(order):
        place[state] = number * width
    numbers = array("I")
    for state in order:
        numbers.extend([place[target] for target in automaton.rows[state]])
        for found in (automaton.at_end[state], automaton.found[state]):
            numbers.append(lists.number(entry for one in found for entry in named[one]) if found else 0)
    classes = _class_map(automaton.classes)
    return _AUTOMATON.pack(classes, width, len(order), place[0], len(silent) * width), numbers


def _class_map(classes: Sequence[int]) -> bytes:
    """The class of each octet."""
    table = bytearray(256)
    for number, octets in enumerate(classes):
        for octet in members(octets):
            table[octet] = number
    return bytes(table)


def _octets(numbers: array[int]) -> bytes:
    """Numbers as they stand in the block."""
    if byteorder == "big":
        numbers = array("I", numbers)
        numbers.byteswap()
    return numbers.tobytes()


def unpack(block: bytes | memoryview) -> Tables:
    """The automata over the block, not copied. Raises CorruptFile when a number leads out of it."""
    view = memoryview(block).cast("B")
    if not len(view):
        return Tables(0, (), ((), ()), (), ())
    try:
        return _unpack(view)
    except (error, ValueError) as fault:
        raise CorruptFile(f"its expressions cannot be read: {fault}") from fault


def _unpack(view: memoryview) -> Tables:
    """The same. Raises ValueError saying what is inconsistent, or struct.error where the block is cut."""
    magic, sources, first, further, list_count, index_count = _HEAD.unpack_from(view)
    count = first + further
    _ask(magic == _MAGIC and list_count >= 2, "there is another head")
    at = _HEAD.size + count * _AUTOMATON.size
    _ask(at <= len(view), "it ends in the heads")
    heads = [_AUTOMATON.unpack_from(view, _HEAD.size + n * _AUTOMATON.size) for n in range(count)]
    ends, at = _numbers(view, at, list_count)
    indices, at = _numbers(view, at, index_count)
    _ask(list(ends) == sorted(ends) and ends[-1] == index_count, "lists overlap")
    _ask(max(indices, default=0) <= max(sources + further - 1, 0), "a list holds what is not there")
    lists = tuple(tuple(indices[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True))
    automata = []
    for classes, width, states, start, found_from in heads:
        numbers, at = _numbers(view, at, width * states)
        table = Table(classes, numbers, width, start, found_from)
        _check(table, states, list_count)
        automata.append(table)
    _ask(at == len(view), "there is something behind it")
    always = tuple(one for one in lists[_EVERY_NAME] if one < sources)
    return Tables(sources, always, lists, tuple(automata[:first]), tuple(automata[first:]))


def _check(table: Table, states: int, lists: int) -> None:
    """Raises ValueError unless every walk stays in the table and ends in a list that there is.

    A next state need not begin a row: from any place that is low enough a class leads to a number again.
    What stands for a list then is looked at when it is used.
    """
    width, last = table.width, table.width * (states - 1)
    _ask(states > 0 and max(table.classes) <= width - 3, "a class has no column")
    _ask(table.start <= last, "an automaton starts outside its table")
    for column in range(width - 2):
        _ask(max(table.numbers[column::width]) <= last, "a state is outside its table")
    for column in (width + AT_END, width + FOUND):
        _ask(max(table.numbers[column::width]) < lists, "a list does not exist")


def _ask(holds: bool, fault: str) -> None:
    """Raises ValueError with the fault unless it holds."""
    if not holds:
        raise ValueError(fault)


def _numbers(view: memoryview, at: int, count: int) -> tuple[Sequence[int], int]:
    """`count` numbers from here on, in place, and where they end. Raises ValueError when there are fewer."""
    end = at + _NUMBER * count
    _ask(end <= len(view), "it ends too early")
    section = view[at:end]
    if byteorder == "little":
        return section.cast("I"), end
    swapped = array("I", section.tobytes())
    swapped.byteswap()
    return swapped, end
