"""What belongs to a question, worked out name by name."""

from __future__ import annotations

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.belonging import MAX_OCTETS, MAX_ROWS, Names, Row, chain, evened, moved, rows, strangers
from resolver.dns.names import from_text
from resolver.errors import WireError
from tests.support.messages import QNAME, QUESTION, TO_QNAME, header, record, wire_names

START = 12 + len(QUESTION)
WWW = QNAME.lower()


def message(*records: bytes) -> bytes:
    return header(answer=len(records)) + QUESTION + b"".join(records)


def read(*records: bytes) -> tuple[list[Row], Names]:
    """The rows of an answer section, and what names were read by."""
    data = message(*records)
    names = Names(data)
    return rows(data, START, len(records), names), names


def links(*records: bytes, most: int = 16) -> list[bytes]:
    """The names whose records belong."""
    answer, names = read(*records)
    return list(chain(answer, WWW, names, most).links)


A, B, C = (from_text(f"{letter}.test") for letter in "abc")


def test_a_row_is_what_stands_there() -> None:
    found, _ = read(
        record(1, b"1234"), record(46, b"\0\5xx", B.upper()), record(46, b"\0", TO_QNAME, rclass=3)
    )
    first = START + 12
    assert found[0] == Row(WWW, 1, 1, 1, first)
    assert found[1] == Row(B, 46, 1, 5, first + 4 + len(B) + 10)
    assert (found[2].covers, found[2].rclass) == (46, 3)


def test_a_name_that_is_spelled_again_is_not_read_again() -> None:
    long = from_text(".".join(["a" * 40] * 4))
    size = MAX_OCTETS // (len(long) + 8)
    assert len(read(*[record(1, b"", long)] * (size * 2))[0]) == size * 2
    assert (
        len(read(record(1, b"", long), *[record(1, b"", TO_QNAME), record(1, b"", b"\xc0\x10")] * 100)[0])
        == 201
    )
    with pytest.raises(WireError, match="more names"):
        read(*[record(1, b"", long), record(1, b"", A)] * size)


def test_as_many_rows_as_are_looked_at() -> None:
    assert len(read(*[record(1, b"1")] * MAX_ROWS)[0]) == MAX_ROWS
    with pytest.raises(WireError, match="one by one"):
        read(*[record(1, b"1")] * (MAX_ROWS + 1))


CHAINS: dict[str, tuple[tuple[bytes, ...], list[bytes]]] = {
    "nothing": ((), [WWW]),
    "an alias": ((record(5, A),), [WWW, A]),
    "two in a row": ((record(5, A), record(5, B, A)), [WWW, A, B]),
    "two in the wrong row": ((record(5, B, A), record(5, A)), [WWW, A, B]),
    "two of one name": ((record(5, A), record(5, B)), [WWW, A, B]),
    "a loop": ((record(5, A), record(5, TO_QNAME, A)), [WWW, A]),
    "one of somebody else": ((record(5, A, B),), [WWW]),
    "a DNAME above": ((record(39, A, b"\xc0\x10"),), [WWW, b"\3www" + A]),
    "a DNAME above where an alias leads": (
        (record(5, b"\1x" + B), record(39, C, B)), [WWW, b"\1x" + B, b"\1x" + C]
    ),
    "a DNAME of the qname": ((record(39, A),), [WWW]),
    "a DNAME of somebody else": ((record(39, A, B),), [WWW]),
}  # fmt: skip


@pytest.mark.parametrize(("records", "names"), CHAINS.values(), ids=CHAINS)
def test_a_chain(records: tuple[bytes, ...], names: list[bytes]) -> None:
    assert links(*records) == names


def test_a_chain_that_is_too_long() -> None:
    aliases = [record(5, b"\2%02x\0" % (at + 1), b"\2%02x\0" % at if at else TO_QNAME) for at in range(5)]
    assert len(links(*aliases, most=5)) == 6
    with pytest.raises(WireError, match="longer chain"):
        links(*aliases, most=4)


def test_a_dname_that_goes_deeper_for_ever() -> None:
    deeper = record(39, b"\1x" + from_text("example.org"), b"\xc0\x10")
    with pytest.raises(WireError, match="longer chain"):
        links(deeper)


def test_strangers() -> None:
    answer, names = read(
        record(1, b"1234"), record(1, b"1234", B), record(39, A, b"\xc0\x10"),
        record(46, b"\0\x27", b"\xc0\x10"), record(46, b"\0\x01", b"\xc0\x10"),
        record(1, b"1234", rclass=3), record(39, A, B),
    )  # fmt: skip
    way = chain(answer, WWW, names, 16)
    assert strangers(answer, 1, way) == {1, 4, 5, 6}
    assert strangers(answer, 255, way) == {1, 4, 6}
    assert strangers(answer, 3, way) == {0, 1, 2, 3, 4, 6}


MOVED = [
    ("www.example.org", "example.org", "example.net", "www.example.net"),
    ("a.b.example.org", "example.org", "x", "a.b.x"),
    ("a.b.example.org", ".", "x", "a.b.example.org.x"),
    ("a.example.org", "example.org", ".", "a"),
    ("example.org", "example.org", "example.net", ""),
    ("org", "example.org", "example.net", ""),
    ("www.badexample.org", "example.org", "example.net", ""),
    ("www\\007example.org", "example.org", "example.net", ""),
    ("a.example.org", "example.org", ".".join(["a" * 60] * 4), "a." + ".".join(["a" * 60] * 4)),
    ("a" * 20 + ".example.org", "example.org", ".".join(["a" * 60] * 4), ""),
]


@pytest.mark.parametrize(("name", "owner", "target", "there"), MOVED)
def test_where_a_dname_takes_a_name(name: str, owner: str, target: str, there: str) -> None:
    """RFC 6672 2.2, its table of examples among them."""
    expected = from_text(there) if there else b""
    assert moved(from_text(name), from_text(owner), from_text(target)) == expected


@given(wire_names(), wire_names(), wire_names())
def test_dnspython_takes_a_name_to_the_same_place(first: bytes, owner: bytes, target: bytes) -> None:
    name = first[:-1] + owner
    if len(name) > 255:
        return
    above, there = dns.name.from_wire(owner, 0)[0], dns.name.from_wire(target, 0)[0]
    whole = dns.name.from_wire(name, 0)[0]
    try:
        expected = whole.relativize(above).concatenate(there).to_wire() if whole != above else b""
    except dns.name.NameTooLong:
        expected = b""
    assert moved(name, owner, target) == expected


@given(st.lists(st.tuples(st.sampled_from((A, B)), st.sampled_from((1, 28)), st.integers(0, 9))))
def test_evened(records: list[tuple[bytes, int, int]]) -> None:
    section = [Row(owner, covers, 1, covers, 0) for owner, covers, _ in records]
    ttls = evened(section, [ttl for *_, ttl in records])
    for (owner, covers, ttl), even in zip(records, ttls, strict=True):
        same = [one for *key, one in records if key == [owner, covers]]
        assert even == min(same) <= ttl
