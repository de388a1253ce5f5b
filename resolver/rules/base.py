"""The base: one index over the names of many lists, mapped from its file.

A query must not ask fifty lists. `Base.matcher` gives, for the lists of one generation, a function that
says what all of them together say of a name, bit for bit what `CompiledList.match` of each would:

    in the base and in the generation   what the base knows of them
    in the base alone                   masked out: the list was changed, switched off or deleted
    in the generation alone             the *overlay*: asked by their own `match`

So a base never has to fit the generation to be right; it only has to fit well to be fast. For every
set of lists that some name is in (`resolver.rules.merge`) one octet says what that set means for the name
itself, and one what it means for names below. They are worked out anew for each generation, in some
milliseconds, and the look-up is: walk the trie, check that a label ends there, read one octet.

In an ordered list the most specific rule counts alone, which no octet can say. Their sets carry a mark
instead, and where one is found those lists are asked themselves.

The base is an accelerator. Explanations, side rules and line numbers come from the lists.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from resolver.errors import CorruptFile
from resolver.rules import base_layout, layout
from resolver.rules.compiled import (
    APEX_VERDICTS,
    BELOW_VERDICTS,
    CompiledList,
    Match,
    ancestors,
    map_trie,
    together,
)
from resolver.rules.model import CONDITIONAL, LINE_SHIFT

_MARK: Final = 2 * CONDITIONAL
"""Bit beside those of a verdict: an ordered list has the name; it must be asked itself."""
_FLAGS: Final = (1 << LINE_SHIFT) - 1


class Base:
    """One base over a buffer. Raises CorruptFile when the buffer is not one.

    `verify=True` checks every octet; see `CompiledList`, with which it shares what is said there.
    """

    def __init__(self, buffer: bytes | mmap.mmap | memoryview, verify: bool = False) -> None:
        view = memoryview(buffer)
        header = base_layout.read_header(view)
        if verify and layout.checksum(view[base_layout.HEADER_SIZE :]) != header.checksum:
            raise CorruptFile("its content does not match its checksum")
        trie, numbers, columns, members, lists = (layout.octets_of(view, one) for one in header.sections)
        self.names: Final[int] = header.names
        self.lists: Final[dict[str, int]] = dict(base_layout.read_lists(lists))
        self.name: Final[str] = base_layout.name_of_base(self.lists)
        self._sets: Final[int] = header.sets
        self._trie: Final = map_trie(trie, header.names)
        self._numbers: Final = base_layout.read_numbers(numbers, header.sets)
        self._columns: Final = base_layout.read_columns(columns, header.sets, header.members)
        places = tuple(self.lists)
        try:
            self._members: Final = tuple(
                (places[member >> LINE_SHIFT], member & _FLAGS)
                for member in base_layout.read_numbers(members, 1 << 32)
            )
        except IndexError:
            raise CorruptFile("it speaks of a list that it does not name") from None

    def __len__(self) -> int:
        return self.names

    def matcher(self, lists: Iterable[tuple[str, CompiledList]]) -> Match:
        """What all these lists together say of a key; `lists` are pairs of digest and rules.

        The base must stay open as long as the function is used.
        """
        here = dict(lists)
        overlay = tuple(rules.match for digest, rules in here.items() if digest not in self.lists)
        ordered: dict[str, Match] = {digest: rules.match for digest, rules in here.items() if rules.ordered}
        match = self._look_up(here, self._ordered(ordered))
        return together((match, *overlay))

    def _look_up(self, here: dict[str, CompiledList], ordered: Callable[[bytes, list[bytes]], int]) -> Match:
        """The look-up among those lists of the base that are here."""
        # Everything that the hot path touches is a local name of this closure.
        apex = self._meanings(here, APEX_VERDICTS)
        below = self._meanings(here, BELOW_VERDICTS)
        prefixes, get, numbers = self._trie.prefixes, self._trie.get, self._numbers

        def match(key: bytes) -> int:
            found = prefixes(key)
            if not found:
                return 0
            verdict = 0
            end = whole = len(key)
            for prefix in reversed(found):  # as in CompiledList._judge
                size = len(prefix)
                while end > size:
                    end -= key[end - 1] + 1
                if end == size:
                    verdict |= (apex if size == whole else below)[numbers[get(prefix)]]
            return verdict if verdict < _MARK else (verdict ^ _MARK) | ordered(key, found)

        return match

    def _meanings(self, here: dict[str, CompiledList], verdicts: bytes) -> bytes:
        """Number of a set -> verdict bits and the mark, for the lists that are here."""

        def meaning(digest: str, flags: int) -> int:
            rules = here.get(digest)
            return 0 if rules is None else _MARK if rules.ordered else verdicts[flags]

        table = bytes(meaning(digest, flags) for digest, flags in self._members)
        # Column by column, and all sets of a column in three calls: there may be many sets. As
        # little-endian numbers a shorter column meets the first sets, which it is about.
        together = 0
        for column in self._columns:
            together |= int.from_bytes(_translate(column, table), "little")
        return together.to_bytes(self._sets, "little")

    def _ordered(self, lists: dict[str, Match]) -> Callable[[bytes, list[bytes]], int]:
        """What those ordered lists say that have one of the keys found."""

        def ask(key: bytes, found: list[bytes]) -> int:
            holders = {
                self._members[column[number]][0]
                for number in (self._numbers[self._trie.get(prefix)] for prefix in ancestors(key, found))
                for column in self._columns
                if number < len(column)
            }
            verdict = 0
            for digest in holders & lists.keys():
                verdict |= lists[digest](key)
            return verdict

        return ask


def _translate(column: Sequence[int], table: bytes) -> bytes:
    """The table's octet for each number of a column."""
    if len(table) <= 1 << 8:
        return bytes(column).translate(table.ljust(1 << 8, b"\0"))
    return bytes(map(table.__getitem__, column))
