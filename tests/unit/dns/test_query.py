"""Queries: a table of good ones and a table of bad ones, then what holds for any octets.

dnspython is the oracle: what it builds we must read as it meant it, and what we send back it must
be able to read.
"""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.query import MAX_OPTIONS, MAX_RECORDS, NO_EDNS, Query, name_end, parse_query
from tests.support.client import make_query
from tests.support.messages import (
    HOSTILE_QUERIES,
    QNAME,
    QUESTION,
    CountedOctets,
    header,
    queries,
    record,
    wire_names,
)

RD = 0x0100
OPT = record(41, b"", owner=b"\0", rclass=1232, ttl=0)
WITH_ONE = header(RD, more=1) + QUESTION
"""A query with one additional record, which is to follow."""
LONGEST = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + b"\0"
assert len(LONGEST) == 255


def opt_of(options: bytes) -> bytes:
    """An OPT with these options, well formed or not."""
    return record(41, options, b"\0", ttl=0)


def parsed(data: bytes) -> Query:
    query = parse_query(data)
    assert isinstance(query, Query)
    return query


# What a good query says


@given(queries())
def test_a_query_is_read_as_it_was_meant(message: dns.message.Message) -> None:
    asked = message.question[0]
    query = parsed(message.to_wire())
    assert query.id == message.id and query.flags == message.flags
    assert (query.qtype, query.qclass) == (asked.rdtype, asked.rdclass)
    assert query.folded == asked.name.canonicalize().to_wire()
    assert query.question[:-4] == asked.name.to_wire()
    assert (query.size != NO_EDNS) == (message.edns == 0)
    assert query.dnssec == bool(message.ednsflags & dns.flags.DO)
    if message.edns == 0:
        assert query.size == max(message.payload, 512)


@given(wire_names())
def test_any_octet_may_stand_in_a_label(name: bytes) -> None:
    """RFC 2181 11; only ASCII letters are folded (RFC 4343 3), and the case is kept (4.1)."""
    query = parsed(header(RD) + name + b"\0\x01\0\x01")
    assert query.question == name + b"\0\x01\0\x01"
    assert query.folded == bytes(o + 32 if 65 <= o <= 90 else o for o in name)


GOOD: dict[str, bytes] = {
    "the root": header(RD) + b"\0\0\x02\0\x01",
    "255 octets": header(RD) + LONGEST + b"\0\x01\0\x01",
    "127 labels": header(RD) + b"\x01a" * 127 + b"\0\0\x01\0\x01",
    "one label with a dot in it": header(RD) + b"\x0bexample.org\0\0\x01\0\x01",
    "one label with NUL in it": header(RD) + b"\x03a\0b\0\0\x01\0\x01",
    "no RD": header(0) + QUESTION,
    "the Z bit, AD and CD": header(0x0170) + QUESTION,
    "AA, TC, RA and an rcode": header(0x068F) + QUESTION,
    "an unknown type and class": header(RD) + QNAME + b"\xff\x00\xfe\x00",
    "ANY in ANY": header(RD) + QNAME + b"\0\xff\0\xff",
    "octets behind the message": header(RD) + QUESTION + b"trailing",
    "an OPT": WITH_ONE + OPT,
    "an OPT behind a TSIG": header(RD, more=2) + QUESTION + record(250, b"x" * 30) + OPT,
    "unknown options": WITH_ONE + record(41, b"\xfd\xe9\0\x02ab\xfd\xea\0\0", b"\0"),
    "unknown EDNS flags": WITH_ONE + record(41, b"", b"\0", ttl=0x7FFF),
    "as many options as there may be": header(RD, more=1)
    + QUESTION
    + opt_of(b"\0\x0a\0\0" * MAX_OPTIONS),
    "records that a query has no use for": header(RD, answer=1, authority=1, more=1) + QUESTION
    + record(6, b"\0" * 22) + record(1, b"1234") + OPT,
    "as many records as there may be": header(RD, more=MAX_RECORDS) + QUESTION
    + record(1, b"1234") * (MAX_RECORDS - 1) + OPT,
}  # fmt: skip


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_what_does_no_harm_is_read(data: bytes) -> None:
    query = parsed(data)
    assert data[12:].startswith(query.question)
    assert (query.size != NO_EDNS) == (b"\0\0\x29" in data)


# What a bad one gets

FORMERR, NOTIMP = registry.FORMERR, registry.NOTIMP

BAD: dict[str, tuple[bytes, int]] = {
    # RFC 9619: one question, no more and no fewer.
    "no question": (header(RD, questions=0), FORMERR),
    "two questions": (header(RD, questions=2) + QUESTION * 2, FORMERR),
    "no question but an OPT": (header(RD, questions=0, more=1) + OPT, FORMERR),
    "a question that is not there": (header(RD), FORMERR),
    # RFC 1035 2.3.4 and 4.1.4, RFC 6891 5: names.
    "256 octets": (header(RD) + b"\x01a" + LONGEST[2:] + b"\0\x01\0\x01", FORMERR),
    "128 labels": (header(RD) + b"\x01a" * 128 + b"\0\0\x01\0\x01", FORMERR),
    "a label of 64 octets": (header(RD) + b"\x40" + b"a" * 64 + b"\0\0\x01\0\x01", FORMERR),
    "a label of type 10": (header(RD) + b"\x80a\0\0\x01\0\x01", FORMERR),
    "a pointer": (header(RD) + b"\xc0\x0c\0\x01\0\x01", FORMERR),
    "a pointer behind a label": (header(RD) + b"\x01a\xc0\x0c\0\x01\0\x01", FORMERR),
    "no root label": (header(RD) + QNAME[:-1], FORMERR),
    "half a label": (header(RD) + b"\x05exa", FORMERR),
    "no type": (header(RD) + QNAME, FORMERR),
    "half a class": (header(RD) + QUESTION[:-1], FORMERR),
    # RFC 6895 3.1, RFC 6891 6.1.1.
    "type 0": (header(RD) + QNAME + b"\0\0\0\x01", FORMERR),
    "type OPT": (header(RD) + QNAME + b"\0\x29\0\x01", FORMERR),
    # Records behind the question.
    "a record that is not there": (WITH_ONE, FORMERR),
    "half a record": (WITH_ONE + OPT[:-1], FORMERR),
    "half a pointer": (WITH_ONE + b"\xc0", FORMERR),
    "an owner of type 01": (WITH_ONE + b"\x41" * 90, FORMERR),
    "an owner of 256 octets": (WITH_ONE + record(1, b"", b"\x01a" * 128 + b"\0"), FORMERR),
    "RDATA that runs out": (WITH_ONE + record(1, b"1234")[:-1], FORMERR),
    "too many records": (header(RD, more=17) + QUESTION + record(1, b"") * 17, FORMERR),
    "too many in answer": (header(RD, answer=17) + QUESTION + record(1, b"") * 17, FORMERR),
    "too many in authority": (header(RD, authority=17) + QUESTION + record(1, b"") * 17, FORMERR),
    "too many in all": (header(RD, 1, 6, 6, 5) + QUESTION + record(1, b"") * 17, FORMERR),
    # RFC 6891 6.1.1 and 6.1.2: the OPT.
    "two OPT": (header(RD, more=2) + QUESTION + OPT * 2, FORMERR),
    "OPT in answer": (header(RD, answer=1) + QUESTION + OPT, FORMERR),
    "OPT in authority": (header(RD, authority=1) + QUESTION + OPT, FORMERR),
    "OPT with an owner": (WITH_ONE + record(41, b"", b"\x01a\0", ttl=0), FORMERR),
    "OPT with a pointer to the root": (WITH_ONE + record(41, b"", b"\xc0\x1c"), FORMERR),
    "half an option": (WITH_ONE + opt_of(b"\0\x0a\0"), FORMERR),
    "an option that runs out": (WITH_ONE + opt_of(b"\0\x0a\0\x01"), FORMERR),
    "too many options": (WITH_ONE + opt_of(b"\0\x0a\0\0" * 33), FORMERR),
    # RFC 8906 3.1.4: opcodes, whatever the rest looks like.
    "IQUERY": (header(0x0900) + QUESTION, NOTIMP),
    "STATUS": (header(0x1000) + QUESTION, NOTIMP),
    "opcode 3": (header(0x1900) + QUESTION, NOTIMP),
    "NOTIFY": (header(0x2000) + QUESTION, NOTIMP),
    "UPDATE": (header(0x2800) + QUESTION, NOTIMP),
    "DSO without a question": (header(0x3000, questions=0), NOTIMP),
    "opcode 15 and no question": (header(0x7800, questions=0), NOTIMP),
}  # fmt: skip


@pytest.mark.parametrize(("data", "rcode"), BAD.values(), ids=BAD)
def test_what_is_wrong_gets_a_header_and_nothing_else(data: bytes, rcode: int) -> None:
    flags = int.from_bytes(data[2:4], "big")
    kept = flags & (registry.OPCODE_MASK | registry.RD)
    assert parse_query(data) == header(registry.QR | registry.RA | kept | rcode, questions=0)


SILENT = {
    "nothing": b"",
    "one octet": b"\0",
    "eleven octets": header(RD)[:11],
    "a response": header(0x8180) + QUESTION,
    "a response of opcode 15": header(0xF800) + QUESTION,
    "a response without a question": header(0x8000, questions=0),
    "a response that is malformed": header(0x8000) + b"\xff" * 20,
}


@pytest.mark.parametrize("data", SILENT.values(), ids=SILENT)
def test_what_is_no_query_gets_silence(data: bytes) -> None:
    assert parse_query(data) is None


@pytest.mark.parametrize("dnssec", [False, True])
@pytest.mark.parametrize("version", [1, 100, 255])
def test_another_version_of_edns_gets_badvers(version: int, dnssec: bool) -> None:
    """RFC 6891 6.1.3: our own version, 0, in the reply; the question goes with it."""
    ttl = version << 16 | (0x8000 if dnssec else 0)
    data = parse_query(WITH_ONE + record(41, b"\0\x0a\0\0", b"\0", ttl, 4096))
    assert isinstance(data, bytes) and data[12 : 12 + len(QUESTION)] == QUESTION
    reply = dns.message.from_wire(data)
    assert reply.rcode() == dns.rcode.BADVERS and reply.edns == 0 and not reply.options
    assert reply.flags == dns.flags.QR | dns.flags.RD | dns.flags.RA and reply.id == 0x1234


# What follows from a query

UDP_LIMITS = {
    None: 512,
    0: 512,
    511: 512,
    512: 512,
    513: 513,
    1231: 1231,
    1232: 1232,
    1233: 1232,
    65_535: 1232,
}


@pytest.mark.parametrize(("payload", "limit"), UDP_LIMITS.items())
def test_how_large_a_udp_reply_may_be(payload: int | None, limit: int) -> None:
    """RFC 6891 6.2.3: below 512 means 512; and never more than we send ourselves."""
    query = make_query("www.example.org", edns=payload is not None, payload=payload or 0)
    assert parsed(query.to_wire()).udp_limit == limit


def key(name: str = "www.example.org", qtype: str = "A", qclass: str = "IN", **flags: bool) -> object:
    return parsed(make_query(name, qtype, qclass=qclass, **flags).to_wire()).cache_key


def test_what_has_the_same_answer() -> None:
    """Case, RD, AD, the ID and an OPT change no answer; name, type, class, DO and CD do (RFC 4035 3.2)."""
    same = [key(), key("WWW.example.ORG"), key(rd=False), key(ad=True), key(edns=False)]
    assert len(set(same)) == 1
    different = [
        key(), key("example.org"), key(qtype="AAAA"), key(qclass="CH"), key(dnssec=True), key(cd=True),
        key(cd=True, dnssec=True),
    ]  # fmt: skip
    assert len(set(different)) == len(different)


# Names


@pytest.mark.parametrize(
    ("data", "offset", "end"),
    [
        (b"\0", 0, 1),
        (b"\x01a\0", 0, 3),
        (b"xx\x01a\0yy", 2, 5),
        (LONGEST, 0, 255),
        (LONGEST + b"\0", 1, 0),  # begins inside a label: an `a` is no length
        (b"", 0, 0),
        (b"\0", 1, 0),
        (b"\x01a", 0, 0),
        (b"\x01a" * 127 + b"\0", 0, 255),
        (b"\x01a" * 128 + b"\0", 0, 0),
    ],
)
def test_where_a_name_ends(data: bytes, offset: int, end: int) -> None:
    assert name_end(data, offset) == end


# What holds for any octets


def check_outcome(data: bytes) -> None:
    """The invariant: a question, a reply to that very message, or silence; and little work."""
    counted = CountedOctets(data)
    result = parse_query(counted)
    assert counted.looks < 2500
    if result is None:
        assert len(data) < 12 or data[2] & 0x80
    elif isinstance(result, bytes):
        assert result[:2] == data[:2] and result[2] & 0x80 and len(result) <= max(12, len(data))
        assert result[2] & 0x79 == data[2] & 0x79, "opcode and RD come back"
    else:
        assert data[12:].startswith(result.question)
        assert result.folded == result.question[:-4].lower()
        assert 512 <= result.udp_limit <= 1232


@given(st.binary(max_size=600))
@example(b"\0" * 12)
def test_any_octets(data: bytes) -> None:
    check_outcome(data)


@given(st.binary(max_size=80), st.tuples(*[st.integers(0, 20)] * 3))
def test_any_octets_behind_a_question(tail: bytes, counts: tuple[int, int, int]) -> None:
    check_outcome(header(RD, 1, *counts) + QUESTION + tail)


@given(queries(), st.data())
def test_any_change_to_a_valid_query(message: dns.message.Message, data: st.DataObject) -> None:
    octets = bytearray(message.to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    check_outcome(bytes(octets[: data.draw(st.integers(0, len(octets)))]))


@pytest.mark.parametrize("data", HOSTILE_QUERIES.values(), ids=HOSTILE_QUERIES)
def test_hostile_queries_cost_no_more_than_others(data: bytes) -> None:
    check_outcome(data)
