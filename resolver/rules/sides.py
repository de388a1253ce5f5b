"""The section of a compiled list that holds its side rules: written once, read where they are needed.

       0  keyed       u32, how many keys have side rules
       4  everywhere  u32, octets of the rules that no key leads to
       8  ids         u32 each, ascending: the trie's id of each of those keys
      ..  ends        u32 each: where the rules of that key end in what follows the everywhere part
      ..  everywhere  the rules that must be asked for every name, one MessagePack array
      ..  keyed       for each key a MessagePack array of its rules

A list of half a million side rules so costs a worker nothing but addresses: the rules of a key are decoded
when a question finds it (2 µs). Those that must be asked for every name are decoded once; they are few, since
the reading of a list keeps no more of them (`resolver.rules.collector`). All numbers are little-endian.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

import msgspec

from resolver.errors import CorruptFile
from resolver.rules.side import SideRule

_HEAD: Final = struct.Struct("<II")
_NUMBER: Final = struct.Struct("<I")
_encode: Final = msgspec.msgpack.Encoder().encode
# What is raised for octets that are none of ours; text that is not UTF-8 is a ValueError.
_UNREADABLE: Final = (struct.error, ValueError, IndexError, msgspec.MsgspecError)
_decode: Final = msgspec.msgpack.Decoder(tuple[SideRule, ...]).decode


def pack(keyed: Mapping[int, Sequence[SideRule]], everywhere: Sequence[SideRule]) -> bytes:
    """The section: rules by the id of their key, and those of every name. Empty if there are none."""
    if not keyed and not everywhere:
        return b""
    ids = sorted(keyed)
    rules = [_encode(tuple(keyed[key_id])) for key_id in ids]
    whole = _encode(tuple(everywhere))
    numbers = [*ids, *accumulate(map(len, rules))]
    return b"".join((_HEAD.pack(len(ids), len(whole)), *map(_NUMBER.pack, numbers), whole, *rules))


class Sides:
    """The side rules of a mapped list. Raises CorruptFile when the section is not one."""

    def __init__(self, section: memoryview) -> None:
        self.everywhere: tuple[SideRule, ...] = ()
        self._ids: Sequence[int] = ()
        if not len(section):
            return
        try:
            count, whole = _HEAD.unpack_from(section)
            first = _HEAD.size + 8 * count
            self._ids = _numbers(section[_HEAD.size : first - 4 * count], count)
            self._ends = _numbers(section[first - 4 * count : first], count)
            self.everywhere = _decode(section[first : first + whole])
            self._rules = section[first + whole :]
        except _UNREADABLE as error:
            raise CorruptFile(f"its side rules cannot be read: {error}") from error

    def __len__(self) -> int:
        """How many keys have rules."""
        return len(self._ids)

    def at(self, key_id: int) -> tuple[SideRule, ...]:
        """The rules of a key, by its id. Raises CorruptFile."""
        place = bisect_left(self._ids, key_id)
        if place == len(self._ids) or self._ids[place] != key_id:
            raise CorruptFile("a name has no side rules where its flags say so")
        return self._read(place)

    def all(self) -> Iterator[SideRule]:
        """Every rule, those of every name first; the others are decoded as they are taken."""
        yield from self.everywhere
        for place in range(len(self._ids)):
            yield from self._read(place)

    def _read(self, place: int) -> tuple[SideRule, ...]:
        """Decode the rules of one key."""
        start = self._ends[place - 1] if place else 0
        try:
            return _decode(self._rules[start : self._ends[place]])
        except _UNREADABLE as error:
            raise CorruptFile(f"its side rules cannot be read: {error}") from error


def _numbers(section: memoryview, count: int) -> Sequence[int]:
    """`count` numbers over their octets, not copied. Raises ValueError when there are fewer."""
    if len(section) != 4 * count:
        raise ValueError("it ends too early")
    return section.cast("I") if _NATIVE else tuple(number for (number,) in _NUMBER.iter_unpack(section))


_NATIVE: Final = memoryview(_NUMBER.pack(1)).cast("I")[0] == 1
"""Whether this machine's own numbers are little-endian, so that they can be read in place."""
