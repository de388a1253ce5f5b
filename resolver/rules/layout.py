"""The layout of a compiled list: one header, then up to five sections. Offsets in octets.

       0  magic        "BELISHA\\n"
       8  version      u32, 2
      12  size         u64, of the whole file
      20  entries      u32, names in the trie
      24  rules        u32, rules in all: plain names and side rules
      28  flags        u32, the flags of every name if they are all the same, else 0
      32  ordered      u32, 1 if the most specific rule counts alone, else 0
      36  sections     5 pairs of offset u64, length u64: trie, values, flags, sides, automata
     116  digest       32 octets, SHA-256 of the canonical rules
     148  checksum     32 octets, BLAKE2b-256 of everything behind the header
     180  header sum   u32, CRC-32 of the 180 octets before it
     184  ...          the sections, each at a multiple of 8

    trie      marisa-trie (`BinaryTrie`) over the keys of `resolver.rules.model`; gives each key an id
    values    u32 for each id: flags | line << 5. Read by explain and by whoever wants the rules back
    flags     u8 for each id; absent when all are the same. All that a look-up needs beside the trie
    sides     the side rules, those of a key found by its id (`resolver.rules.sides`); may be empty
    automata  what finds expressions in a name (`resolver.rules.expressions`); may be empty

All numbers are little-endian. The header proves itself in constant time, so a truncated file or one
of another kind is told apart without reading it; the checksum proves the rest when asked to.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from resolver.errors import CorruptFile

MAGIC: Final = b"BELISHA\n"
VERSION: Final = 2
ALIGNMENT: Final = 8

_FIELDS: Final = struct.Struct("<8sIQIIII10Q32s32s")
_SUM: Final = struct.Struct("<I")

HEADER_SIZE: Final = _FIELDS.size + _SUM.size
"""Octets before the first section; a multiple of `ALIGNMENT`."""


Buffer = bytes | bytearray | memoryview


class Section(NamedTuple):
    """Where a section stands in the file."""

    offset: int
    length: int


class Header(NamedTuple):
    """The header, taken apart and found consistent with the size of its file."""

    entries: int
    rules: int
    uniform_flags: int
    ordered: bool
    trie: Section
    values: Section
    flags: Section
    sides: Section
    automata: Section
    digest: bytes
    checksum: bytes


class Parts(NamedTuple):
    """The sections of a file that is to be made, in their order."""

    trie: bytes
    values: bytes
    flags: bytes
    sides: bytes = b""
    automata: bytes = b""


def checksum(content: Buffer) -> bytes:
    """The checksum of what stands behind the header. BLAKE2b is the fastest one without special hardware."""
    return hashlib.blake2b(content, digest_size=32).digest()


def assemble(
    parts: Parts, digest: bytes, *, entries: int, rules: int, uniform_flags: int = 0, ordered: bool = False
) -> bytes:
    """A whole file from its sections."""
    numbers, content = place(parts, HEADER_SIZE)
    head = (MAGIC, VERSION, HEADER_SIZE + len(content), entries, rules, uniform_flags, int(ordered))
    return sign(_FIELDS.pack(*head, *numbers, digest, checksum(content))) + content


def read_header(buffer: memoryview) -> Header:
    """Take the header apart and check all that can be checked in constant time. Raises CorruptFile."""
    _, _, size, entries, rules, uniform, ordered, *numbers, digest, content_sum = signed(
        buffer, _FIELDS, MAGIC, VERSION, "compiled list"
    )
    trie, values, flags, sides, automata = sections(numbers)
    header = Header(
        entries, rules, uniform, bool(ordered), trie, values, flags, sides, automata, digest, content_sum
    )
    _check_sections(header, size)
    return header


def place(parts: Iterable[bytes], start: int) -> tuple[list[int], bytes]:
    """Where the sections of a file stand whose header ends at `start` (offset and length of each in
    turn), and all of them in one piece."""
    numbers: list[int] = []
    padded: list[bytes] = []
    at = start
    for part in parts:
        numbers += (at, len(part))
        padded.append(part + bytes(-len(part) % ALIGNMENT))
        at += len(padded[-1])
    return numbers, b"".join(padded)


def sections(numbers: Sequence[int]) -> tuple[Section, ...]:
    """The offsets and lengths of a header as sections."""
    return tuple(map(Section, numbers[::2], numbers[1::2]))


def octets_of(view: memoryview, section: Section) -> memoryview:
    """The octets of one section, not copied."""
    return view[section.offset : section.offset + section.length]


def sign(fields: bytes) -> bytes:
    """A header and its own sum."""
    return fields + _SUM.pack(zlib.crc32(fields))


def signed(
    buffer: memoryview, fields: struct.Struct, magic: bytes, version: int, what: str
) -> tuple[Any, ...]:
    """The fields of a header that `sign` has signed: magic, version, size of the file, and its others.

    Raises CorruptFile unless the file begins as a `what` of that version does and is as long as it says.
    """
    size = len(buffer)
    if size < fields.size + _SUM.size:
        raise CorruptFile(f"it has {size} octets, which is less than the header of a {what}")
    if bytes(buffer[: len(magic)]) != magic:
        raise CorruptFile(f"it does not begin as a {what} does")
    octets = buffer[: fields.size]
    found = fields.unpack(octets)
    if found[1] != version:
        raise CorruptFile(f"it has version {found[1]} of the layout, and this program reads {version}")
    if _SUM.unpack_from(buffer, fields.size)[0] != zlib.crc32(octets):
        raise CorruptFile("its header does not match its own checksum")
    if found[2] != size:
        raise CorruptFile(f"it has {size} octets, and its header says {found[2]}")
    return found


def check_places(found: Iterable[Section], start: int, size: int) -> None:
    """Every section at a boundary, behind the header and inside the file. Raises CorruptFile."""
    for section in found:
        inside = start <= section.offset and section.offset + section.length <= size
        if section.offset % ALIGNMENT or not inside:
            raise CorruptFile("its header names a section that is not inside the file")


def _check_sections(header: Header, size: int) -> None:
    """Every section inside the file and as long as the number of names asks for. Raises CorruptFile."""
    check_places((header.trie, header.values, header.flags, header.sides, header.automata), HEADER_SIZE, size)
    per_name = 0 if header.uniform_flags or not header.entries else 1
    if header.values.length != 4 * header.entries or header.flags.length != per_name * header.entries:
        raise CorruptFile("its sections do not have one value for each name")
