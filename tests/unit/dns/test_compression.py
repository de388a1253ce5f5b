"""Names behind pointers (RFC 1035 4.1.4): read in bounded work, or refused."""

from __future__ import annotations

import dns.exception
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.compression import MAX_HOPS, name_at, read_name
from resolver.errors import WireError
from tests.support.messages import CountedOctets, header

BODY = header() + b"\x01a\0" + b"\x01b\xc0\x0c" + b"\xc0\x0f" + b"\x01c\xc0\x13"
"""12: a. | 15: b. → 12 | 19: → 15 | 21: c. → 19"""

NAMES = {12: b"\x01a\0", 14: b"\0", 15: b"\x01b\x01a\0", 19: b"\x01b\x01a\0", 21: b"\x01c\x01b\x01a\0"}


@pytest.mark.parametrize(("offset", "name"), NAMES.items())
def test_pointers_are_followed_back(offset: int, name: bytes) -> None:
    assert read_name(BODY, offset) == name


NO_NAMES: dict[str, bytes] = {
    "nothing": b"",
    "a pointer to itself": b"\xc0\x0c",
    "a pointer to the next octet": b"\xc0\x0d\0",
    "a pointer that comes back": b"\x01a\xc0\x0c",
    "a pointer beyond the end": b"\xff\xff",
    "a pointer into the header": b"\xc0\x0b",
    "half a pointer": b"\x01a\xc0",
    "a label of type 01": b"\x41" * 70,
    "a label that runs out": b"\x05abc",
    "no root": b"\x01a",
    "256 octets": b"\x01a" * 126 + b"\x02bb\0",
}


@pytest.mark.parametrize("octets", NO_NAMES.values(), ids=NO_NAMES)
def test_what_is_no_name(octets: bytes) -> None:
    with pytest.raises(WireError):
        read_name(header() + octets, 12)


def test_255_octets_are_a_name() -> None:
    octets = b"\x01a" * 125 + b"\x02bb\0"
    assert len(read_name(header() + octets + b"\1c", 12)) == len(octets) == 254
    assert len(read_name(header() + b"\x01a" * 127 + b"\0", 12)) == 255


def test_pointers_lead_to_255_octets_at_most() -> None:
    tail = b"\x01a" * 60 + b"\0"
    start = 12 + len(tail)
    assert len(read_name(header() + tail + b"\x01b" * 66 + b"\x01c\xc0\x0c", start)) == 255
    with pytest.raises(WireError, match="too long"):
        read_name(header() + tail + b"\x01b" * 66 + b"\x02cc\xc0\x0c", start)


def test_two_pointers_that_point_at_each_other() -> None:
    data = header() + b"\xc0\x0e\xc0\x0c"
    for offset in (12, 14):
        with pytest.raises(WireError):
            read_name(data, offset)


def test_a_ladder_of_pointers_is_left_after_so_many_rungs() -> None:
    rungs = [0xC000 | 12 + 1 + 2 * (number - 1) for number in range(1, MAX_HOPS + 2)]
    data = header() + b"\0" + b"\xc0\x0c" + b"".join(rung.to_bytes(2, "big") for rung in rungs[:-1])
    assert read_name(data, 13 + 2 * (MAX_HOPS - 1)) == b"\0"
    with pytest.raises(WireError, match="lead back"):
        read_name(data, 13 + 2 * MAX_HOPS)


@pytest.mark.parametrize(("offset", "end"), [(12, 15), (14, 15), (15, 19), (19, 21), (21, 25)])
def test_where_a_name_ends(offset: int, end: int) -> None:
    assert name_at(BODY, offset)[1] == end


@given(st.binary(max_size=300), st.integers(12, 311))
def test_any_octets_are_the_name_that_dnspython_reads_or_none(octets: bytes, offset: int) -> None:
    """We refuse more: pointers into the header, and more of them than anybody needs."""
    data = CountedOctets(header() + octets)
    try:
        name, end = name_at(data, offset)
    except WireError:
        assert data.looks < 400
        return
    read, used = dns.name.from_wire(bytes(data), offset)
    assert read.to_wire() == name and used == end - offset


@given(st.binary(max_size=300), st.integers(12, 311))
def test_what_dnspython_cannot_read_is_refused(octets: bytes, offset: int) -> None:
    data = header() + octets
    try:
        dns.name.from_wire(data, offset)
    except (dns.exception.FormError, IndexError):
        with pytest.raises(WireError):
            read_name(data, offset)
