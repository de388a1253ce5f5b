"""The layout of a base: one header, then five sections. Offsets in octets.

       0  magic        "BELISHAB"
       8  version      u32, 1
      12  size         u64, of the whole file
      20  names        u32, different names in all lists
      24  sets         u32, how many combinations of members there are
      28  members      u32, how many pairs of list and flags there are
      32  lists        u32
      36  sections     5 pairs of offset u64, length u64: trie, numbers, columns, members, lists
     116  checksum     32 octets, BLAKE2b-256 of everything behind the header
     148  header sum   u32, CRC-32 of the 148 octets before it
     152  ...          the sections, each at a multiple of 8

    trie      marisa-trie (`BinaryTrie`) over the keys of all lists; gives each key an id
    numbers   for each id the number of its set; as narrow as the number of sets allows
    columns   the sets. A set is one or more members; sets with more members have smaller numbers, so
              column j (the j-th member of each set that has so many) covers the first sets and no
              others. First u32 the number of columns, u32 for each how many sets it covers, then the
              columns, as narrow as the number of members allows
    members   u32 each: place of the list << 5 | flags (`resolver.rules.model`, ASIDE included)
    lists     for each list, in the order of the digests: digest, 32 octets; its names u32

Columns instead of rows, because what all sets say in a generation can then be worked out column by
column, without a loop over sets (`resolver.rules.base`). All numbers are little-endian.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from resolver.errors import CorruptFile
from resolver.rules import layout
from resolver.rules.layout import Section

MAGIC: Final = b"BELISHAB"
VERSION: Final = 1

_FIELDS: Final = struct.Struct("<8sIQIIII10Q32s")
_LIST: Final = struct.Struct("<32sI")

HEADER_SIZE: Final = _FIELDS.size + 4
"""Octets before the first section; the last four are the header's own sum."""

Code = Literal["B", "H", "I"]
"""How `array` and `memoryview` call numbers of one, two and four octets."""

_CODES: Final[dict[int, Code]] = {1: "B", 2: "H", 4: "I"}


class Header(NamedTuple):
    """The header, taken apart and found consistent with the size of its file."""

    names: int
    sets: int
    members: int
    lists: int
    sections: tuple[Section, ...]
    checksum: bytes


class Parts(NamedTuple):
    """What a base consists of, as numbers; `lists` are pairs of digest (32 octets) and names."""

    trie: bytes
    numbers: array[int]
    columns: Sequence[array[int]]
    members: array[int]
    lists: Sequence[tuple[bytes, int]]


def name_of_base(digests: Iterable[str]) -> str:
    """What the base of these lists is called: a hash of their digests, whatever their order."""
    whole = hashlib.sha256(b"belisha base %d\n" % VERSION)
    for digest in sorted(set(digests)):
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()


def code_for(count: int) -> Code:
    """The code of the narrowest numbers that tell so many things apart."""
    return _CODES[_width(count)]


def _width(count: int) -> int:
    return 1 if count <= 1 << 8 else 2 if count <= 1 << 16 else 4


def assemble(parts: Parts) -> bytes:
    """A whole file from its parts; the codes of the arrays must be those of `code_for`."""
    heights = array("I", [len(parts.columns), *map(len, parts.columns)])
    columns = b"".join(map(_octets, (heights, *parts.columns)))
    lists = b"".join(_LIST.pack(digest, names) for digest, names in parts.lists)
    octets = (parts.trie, _octets(parts.numbers), columns, _octets(parts.members), lists)
    places, content = layout.place(octets, HEADER_SIZE)
    sets = len(parts.columns[0]) if parts.columns else 0
    counts = (len(parts.numbers), sets, len(parts.members), len(parts.lists))
    head = (MAGIC, VERSION, HEADER_SIZE + len(content), *counts)
    return layout.sign(_FIELDS.pack(*head, *places, layout.checksum(content))) + content


def read_header(buffer: memoryview) -> Header:
    """Take the header apart and check all that can be checked in constant time. Raises CorruptFile."""
    fields = layout.signed(buffer, _FIELDS, MAGIC, VERSION, "base")
    _, _, size, names, sets, members, lists, *places, checksum = fields
    sections = layout.sections(places)
    layout.check_places(sections, HEADER_SIZE, size)
    _, numbers, _, table, digests = sections
    expected = (names * _width(sets), 4 * members, _LIST.size * lists)
    if (numbers.length, table.length, digests.length) != expected:
        raise CorruptFile("its sections are not as long as their numbers ask for")
    return Header(names, sets, members, lists, sections, checksum)


def read_lists(section: memoryview) -> Iterator[tuple[str, int]]:
    """Digest and number of names of each list."""
    for digest, names in _LIST.iter_unpack(section):
        yield digest.hex(), names


def read_numbers(section: memoryview, count: int) -> Sequence[int]:
    """The numbers of a section that tell `count` things apart, in place where the machine can."""
    code = code_for(count)
    if sys.byteorder == "little":
        return section.cast(code)
    numbers = array(code, section.tobytes())
    numbers.byteswap()
    return numbers


def read_columns(section: memoryview, sets: int, members: int) -> list[Sequence[int]]:
    """The columns. Raises CorruptFile when they are not those of so many sets and members."""
    try:
        words = read_numbers(section[: len(section) // 4 * 4], 1 << 32)
        depth = words[0]
        heights = list(words[1 : 1 + depth])
        width, at = _width(members), 4 + 4 * depth
        fits = len(heights) == depth and at + width * sum(heights) == len(section)
    except IndexError:
        raise CorruptFile("it has no sets") from None
    if not fits or heights != sorted(heights, reverse=True) or sum(heights[:1]) != sets:
        raise CorruptFile("its sets are not as many as its header says")
    columns = []
    for height in heights:
        columns.append(read_numbers(section[at : at + width * height], members))
        at += width * height
    return columns


def _octets(numbers: array[int]) -> bytes:
    """As they stand in the file."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
