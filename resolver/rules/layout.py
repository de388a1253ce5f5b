"""The layout of a compiled list: one header, then up to three sections. Offsets in octets.

       0  magic        "BELISHA\\n"
       8  version      u32, 1
      12  size         u64, of the whole file
      20  entries      u32, names in the file
      24  flags        u32, the flags of every name if they are all the same, else 0
      28  sections     3 pairs of offset u64, length u64: trie, values, flags
      76  digest       32 octets, SHA-256 of the canonical rules
     108  checksum     32 octets, BLAKE2b-256 of everything behind the header
     140  header sum   u32, CRC-32 of the 140 octets before it
     144  ...          the sections, each at a multiple of 8

    trie    marisa-trie (`BinaryTrie`) over the keys of `resolver.rules.model`; gives each key an id
    values  u32 for each id: flags | line << 4. Read by explain and by whoever wants the rules back
    flags   u8 for each id; absent when all are the same. All that a look-up needs beside the trie

All numbers are little-endian. The header proves itself in constant time, so a truncated file or one
of another kind is told apart without reading it; the checksum proves the rest when asked to.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Final, NamedTuple

from resolver.errors import CorruptFile

MAGIC: Final = b"BELISHA\n"
VERSION: Final = 1
ALIGNMENT: Final = 8

_FIELDS: Final = struct.Struct("<8sIQII6Q32s32s")
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
    uniform_flags: int
    trie: Section
    values: Section
    flags: Section
    digest: bytes
    checksum: bytes


def checksum(content: Buffer) -> bytes:
    """The checksum of what stands behind the header. BLAKE2b is the fastest one without special hardware."""
    return hashlib.blake2b(content, digest_size=32).digest()


def assemble(entries: int, uniform_flags: int, digest: bytes, parts: tuple[bytes, bytes, bytes]) -> bytes:
    """A whole file from its trie, values and flags sections."""
    sections: list[Section] = []
    padded: list[bytes] = []
    at = HEADER_SIZE
    for part in parts:
        sections.append(Section(at, len(part)))
        padded.append(part + bytes(-len(part) % ALIGNMENT))
        at += len(padded[-1])
    content = b"".join(padded)
    numbers = [number for section in sections for number in section]
    fields = _FIELDS.pack(MAGIC, VERSION, at, entries, uniform_flags, *numbers, digest, checksum(content))
    return fields + _SUM.pack(zlib.crc32(fields)) + content


def read_header(buffer: memoryview) -> Header:
    """Take the header apart and check all that can be checked in constant time. Raises CorruptFile."""
    size = len(buffer)
    if size < HEADER_SIZE:
        raise CorruptFile(f"it has {size} octets, which is less than the header of a compiled list")
    if bytes(buffer[: len(MAGIC)]) != MAGIC:
        raise CorruptFile("it does not begin as a compiled list does")
    fields = buffer[: _FIELDS.size]
    _, version, said, entries, uniform, *numbers, digest, content_sum = _FIELDS.unpack(fields)
    if version != VERSION:
        raise CorruptFile(f"it has version {version} of the layout, and this program reads {VERSION}")
    if _SUM.unpack_from(buffer, _FIELDS.size)[0] != zlib.crc32(fields):
        raise CorruptFile("its header does not match its own checksum")
    if said != size:
        raise CorruptFile(f"it has {size} octets, and its header says {said}")
    trie, values, flags = (Section(*numbers[at : at + 2]) for at in (0, 2, 4))
    header = Header(entries, uniform, trie, values, flags, digest, content_sum)
    _check_sections(header, size)
    return header


def _check_sections(header: Header, size: int) -> None:
    """Every section inside the file and as long as the number of names asks for. Raises CorruptFile."""
    for section in (header.trie, header.values, header.flags):
        if section.offset % ALIGNMENT or section.offset + section.length > size:
            raise CorruptFile("its header names a section that is not inside the file")
    per_name = 0 if header.uniform_flags or not header.entries else 1
    if header.values.length != 4 * header.entries or header.flags.length != per_name * header.entries:
        raise CorruptFile("its sections do not have one value for each name")
