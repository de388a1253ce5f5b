"""The layout of a base: octet for octet, and what its header proves."""

from __future__ import annotations

import hashlib
import struct
import zlib
from array import array

import pytest

from resolver.errors import CorruptFile
from resolver.rules.base_layout import (
    HEADER_SIZE,
    Parts,
    assemble,
    code_for,
    name_of_base,
    read_columns,
    read_header,
    read_lists,
    read_numbers,
)
from resolver.rules.layout import Section, octets_of

PARTS = Parts(
    trie=b"trie octets",
    numbers=array("B", [0, 2, 1, 1, 0]),
    columns=[array("B", [0, 1, 2]), array("B", [1])],
    members=array("I", [3, 0x23, 0x25]),
    lists=[(b"a" * 32, 7), (b"b" * 32, 9)],
)


def resigned(data: bytes, offset: int, octets: bytes) -> memoryview:
    """The file with some octets of its header changed and the header's own sum made right again."""
    header = bytearray(data[: HEADER_SIZE - 4])
    header[offset : offset + len(octets)] = octets
    return memoryview(bytes(header) + struct.pack("<I", zlib.crc32(header)) + data[HEADER_SIZE:])


def test_layout_is_what_the_module_says() -> None:
    data = assemble(PARTS)
    assert HEADER_SIZE == 152
    assert data[:8] == b"BELISHAB"
    assert struct.unpack_from("<IQIIII", data, 8) == (1, len(data), 5, 3, 3, 2)
    assert struct.unpack_from("<10Q", data, 36) == (152, 11, 168, 5, 176, 16, 192, 12, 208, 72)
    assert data[116:148] == hashlib.blake2b(data[152:], digest_size=32).digest()
    assert struct.unpack_from("<I", data, 148) == (zlib.crc32(data[:148]),)
    assert data[152:163] == b"trie octets" and data[168:173] == bytes([0, 2, 1, 1, 0])
    assert data[176:192] == struct.pack("<III", 2, 3, 1) + bytes([0, 1, 2, 1])
    assert data[192:204] == struct.pack("<III", 3, 0x23, 0x25)
    assert data[208:] == struct.pack("<32sI32sI", b"a" * 32, 7, b"b" * 32, 9)


def test_parts_are_read_back() -> None:
    view = memoryview(assemble(PARTS))
    header = read_header(view)
    assert (header.names, header.sets, header.members, header.lists) == (5, 3, 3, 2)
    trie, numbers, columns, members, lists = (octets_of(view, one) for one in header.sections)
    assert bytes(trie) == PARTS.trie
    assert list(read_numbers(numbers, header.sets)) == list(PARTS.numbers)
    assert [list(one) for one in read_columns(columns, 3, 3)] == [[0, 1, 2], [1]]
    assert list(read_numbers(members, 1 << 32)) == list(PARTS.members)
    assert list(read_lists(lists)) == [((b"a" * 32).hex(), 7), ((b"b" * 32).hex(), 9)]


@pytest.mark.parametrize(
    ("count", "code"), [(0, "B"), (256, "B"), (257, "H"), (65_536, "H"), (65_537, "I"), (1 << 32, "I")]
)
def test_numbers_are_as_narrow_as_they_can_be(count: int, code: str) -> None:
    assert code_for(count) == code
    if 0 < count <= 1 << 16:
        numbers = array(code, [count - 1, 0])
        assert list(read_numbers(memoryview(numbers.tobytes()), count)) == [count - 1, 0]


@pytest.mark.parametrize("offset", range(HEADER_SIZE))
def test_every_octet_of_the_header_counts(offset: int) -> None:
    data = bytearray(assemble(PARTS))
    data[offset] ^= 0x10
    with pytest.raises(CorruptFile):
        read_header(memoryview(data))


@pytest.mark.parametrize("size", [0, 7, HEADER_SIZE - 1, HEADER_SIZE, 279])
def test_truncated_file(size: int) -> None:
    with pytest.raises(CorruptFile, match="octets"):
        read_header(memoryview(assemble(PARTS)[:size]))


WRONG = {
    "another version": (8, struct.pack("<I", 2), "version 2"),
    "a section before a boundary": (36, struct.pack("<Q", 153), "not inside"),
    "a section inside the header": (36, struct.pack("<Q", 0), "not inside"),
    "a section behind the end": (44, struct.pack("<Q", 1 << 40), "not inside"),
    "too few numbers": (20, struct.pack("<I", 6), "not as long"),
    "numbers of another width": (24, struct.pack("<I", 257), "not as long"),
    "more members than there are": (28, struct.pack("<I", 4), "not as long"),
    "more lists than there are": (32, struct.pack("<I", 3), "not as long"),
}


@pytest.mark.parametrize(("offset", "octets", "message"), WRONG.values(), ids=WRONG.keys())
def test_header_that_contradicts_itself(offset: int, octets: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        read_header(resigned(assemble(PARTS), offset, octets))


COLUMNS = struct.pack("<III", 2, 3, 1) + bytes([0, 1, 2, 1])


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        COLUMNS[:-1],
        COLUMNS + b"\0",
        struct.pack("<I", 1 << 31) + COLUMNS[4:],
        struct.pack("<III", 2, 1, 3) + COLUMNS[12:],
        struct.pack("<III", 2, 4, 0) + COLUMNS[12:],
        struct.pack("<I", 0),
    ],
    ids=["nothing", "too short", "too long", "too many", "rising", "other sets", "no columns"],
)
def test_columns_that_are_none(octets: bytes) -> None:
    with pytest.raises(CorruptFile):
        read_columns(memoryview(octets), 3, 3)


def test_sections_that_are_in_place_are_not_copied() -> None:
    view = memoryview(bytes(8))
    numbers = read_numbers(view, 300)
    assert isinstance(numbers, memoryview) and numbers.obj is view.obj
    assert octets_of(view, Section(2, 3)).obj is view.obj


def test_the_name_is_that_of_a_set_of_lists() -> None:
    one, two = "aa" * 32, "bb" * 32
    assert name_of_base([one, two]) == name_of_base([two, one, two])
    assert len({name_of_base([]), name_of_base([one]), name_of_base([one, two])}) == 3
