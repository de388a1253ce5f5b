"""The file's layout: octet for octet, and what its header proves."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from resolver.errors import CorruptFile
from resolver.rules.layout import HEADER_SIZE, Section, assemble, checksum, read_header

PARTS = (b"trie octets", b"valuvalu", b"")


def made() -> bytes:
    return assemble(entries=2, uniform_flags=3, digest=b"d" * 32, parts=PARTS)


def resigned(data: bytes, offset: int, octets: bytes) -> bytes:
    """The file with some octets of its header changed and the header's own sum made right again."""
    header = bytearray(data[: HEADER_SIZE - 4])
    header[offset : offset + len(octets)] = octets
    return bytes(header) + struct.pack("<I", zlib.crc32(header)) + data[HEADER_SIZE:]


def test_layout_is_what_the_module_says() -> None:
    data = made()
    assert HEADER_SIZE == 144
    assert data[:8] == b"BELISHA\n"
    assert struct.unpack_from("<IQII", data, 8) == (1, len(data), 2, 3)
    assert struct.unpack_from("<6Q", data, 28) == (144, 11, 160, 8, 168, 0)
    assert data[76:108] == b"d" * 32
    assert data[108:140] == hashlib.blake2b(data[144:], digest_size=32).digest()
    assert struct.unpack_from("<I", data, 140) == (zlib.crc32(data[:140]),)
    assert data[144:155] == b"trie octets" and data[160:168] == b"valuvalu"
    assert len(data) == 168


def test_header_is_read_back() -> None:
    header = read_header(memoryview(made()))
    assert (header.entries, header.uniform_flags, header.digest) == (2, 3, b"d" * 32)
    assert (header.trie, header.values, header.flags) == (Section(144, 11), Section(160, 8), Section(168, 0))
    assert header.checksum == checksum(made()[HEADER_SIZE:])


@pytest.mark.parametrize("size", [0, 7, HEADER_SIZE - 1, HEADER_SIZE, 167])
def test_truncated_file(size: int) -> None:
    with pytest.raises(CorruptFile, match=r"octets"):
        read_header(memoryview(made()[:size]))


def test_file_with_something_behind_it() -> None:
    with pytest.raises(CorruptFile, match="has 169 octets, and its header says 168"):
        read_header(memoryview(made() + b"x"))


@pytest.mark.parametrize("offset", range(HEADER_SIZE))
def test_every_octet_of_the_header_counts(offset: int) -> None:
    data = bytearray(made())
    data[offset] ^= 0x10
    with pytest.raises(CorruptFile):
        read_header(memoryview(data))


WRONG = {
    "another version": (8, struct.pack("<I", 2), "version 2"),
    "a section before a boundary": (28, struct.pack("<Q", 145), "not inside"),
    "a section behind the end": (36, struct.pack("<Q", 1 << 40), "not inside"),
    "too few values": (52, struct.pack("<Q", 4), "one value for each name"),
    "flags that nobody needs": (68, struct.pack("<Q", 0), None),
    "flags that are missing": (24, struct.pack("<I", 0), "one value for each name"),
    "more names than values": (20, struct.pack("<I", 3), "one value for each name"),
}


@pytest.mark.parametrize(("offset", "octets", "message"), WRONG.values(), ids=WRONG.keys())
def test_header_that_contradicts_itself(offset: int, octets: bytes, message: str | None) -> None:
    data = memoryview(resigned(made(), offset, octets))
    if message is None:
        assert read_header(data).entries == 2
        return
    with pytest.raises(CorruptFile, match=message):
        read_header(data)
