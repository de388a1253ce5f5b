"""The file's layout: octet for octet, and what its header proves."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from resolver.errors import CorruptFile
from resolver.rules.layout import HEADER_SIZE, Parts, Section, assemble, checksum, read_header

PARTS = Parts(trie=b"trie octets", values=b"valuvalu", flags=b"", sides=b"side rules", automata=b"found it")


def made() -> bytes:
    return assemble(PARTS, b"d" * 32, entries=2, rules=5, uniform_flags=3, ordered=True)


def resigned(data: bytes, offset: int, octets: bytes) -> bytes:
    """The file with some octets of its header changed and the header's own sum made right again."""
    header = bytearray(data[: HEADER_SIZE - 4])
    header[offset : offset + len(octets)] = octets
    return bytes(header) + struct.pack("<I", zlib.crc32(header)) + data[HEADER_SIZE:]


def test_layout_is_what_the_module_says() -> None:
    data = made()
    assert HEADER_SIZE == 184
    assert data[:8] == b"BELISHA\n"
    assert struct.unpack_from("<IQIIII", data, 8) == (2, len(data), 2, 5, 3, 1)
    assert struct.unpack_from("<10Q", data, 36) == (184, 11, 200, 8, 208, 0, 208, 10, 224, 8)
    assert data[116:148] == b"d" * 32
    assert data[148:180] == hashlib.blake2b(data[184:], digest_size=32).digest()
    assert struct.unpack_from("<I", data, 180) == (zlib.crc32(data[:180]),)
    assert data[184:195] == b"trie octets" and data[200:208] == b"valuvalu"
    assert data[208:218] == b"side rules" and data[224:] == b"found it"
    assert len(data) == 232


def test_header_is_read_back() -> None:
    header = read_header(memoryview(made()))
    assert (header.entries, header.rules, header.uniform_flags, header.ordered) == (2, 5, 3, True)
    assert (header.trie, header.values, header.flags) == (Section(184, 11), Section(200, 8), Section(208, 0))
    assert (header.sides, header.automata) == (Section(208, 10), Section(224, 8))
    assert header.digest == b"d" * 32
    assert header.checksum == checksum(made()[HEADER_SIZE:])


@pytest.mark.parametrize("size", [0, 7, HEADER_SIZE - 1, HEADER_SIZE, 231])
def test_truncated_file(size: int) -> None:
    with pytest.raises(CorruptFile, match=r"octets"):
        read_header(memoryview(made()[:size]))


def test_file_with_something_behind_it() -> None:
    with pytest.raises(CorruptFile, match="has 233 octets, and its header says 232"):
        read_header(memoryview(made() + b"x"))


@pytest.mark.parametrize("offset", range(HEADER_SIZE))
def test_every_octet_of_the_header_counts(offset: int) -> None:
    data = bytearray(made())
    data[offset] ^= 0x10
    with pytest.raises(CorruptFile):
        read_header(memoryview(data))


WRONG = {
    "the version before": (8, struct.pack("<I", 1), "version 1"),
    "another version": (8, struct.pack("<I", 3), "version 3"),
    "a section before a boundary": (36, struct.pack("<Q", 185), "not inside"),
    "a section inside the header": (36, struct.pack("<Q", 176), "not inside"),
    "a section behind the end": (44, struct.pack("<Q", 1 << 40), "not inside"),
    "side rules behind the end": (84, struct.pack("<Q", 232), "not inside"),
    "automata behind the end": (108, struct.pack("<Q", 9), "not inside"),
    "too few values": (60, struct.pack("<Q", 4), "one value for each name"),
    "flags that nobody needs": (76, struct.pack("<Q", 1), "one value for each name"),
    "flags that are missing": (28, struct.pack("<I", 0), "one value for each name"),
    "more names than values": (20, struct.pack("<I", 3), "one value for each name"),
}


@pytest.mark.parametrize(("offset", "octets", "message"), WRONG.values(), ids=WRONG.keys())
def test_header_that_contradicts_itself(offset: int, octets: bytes, message: str) -> None:
    data = memoryview(resigned(made(), offset, octets))
    with pytest.raises(CorruptFile, match=message):
        read_header(data)
