"""Queries: a table of good ones and a table of bad ones, then what holds for any octets.

dnspython is the oracle: what it builds we must read as it meant it, and what we send back it must
be able to read.
"""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.answers import reply
from resolver.dns.query import (
    MAX_OPTIONS,
    MAX_RECORDS,
    NO_EDNS,
    CookieQuery,
    Query,
    name_end,
    option,
    parse_query,
)
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
    "no question but another option": (header(RD, questions=0, more=1) + opt_of(b"\0\x0b\0\0"), FORMERR),
    "no question but an A record": (header(RD, questions=0, more=1) + record(1, b"1234", b"\0"), FORMERR),
    "no question and half a cookie": (header(RD, questions=0, more=1) + opt_of(b"\0\x0a\0\x08abc"), FORMERR),
    "no question and two OPT": (header(RD, questions=0, more=2) + opt_of(b"\0\x0a\0\0") * 2, FORMERR),
    "no question and too much": (header(RD, questions=0, more=17) + opt_of(b"\0\x0a\0\0") * 17, FORMERR),
    "two questions and a cookie": (
        header(RD, questions=2, more=1) + QUESTION * 2 + opt_of(b"\0\x0a\0\0"), FORMERR,
    ),
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


def test_another_version_gets_badvers_without_a_question_too() -> None:
    data = parse_query(header(RD, questions=0, more=1) + record(41, b"\0\x0a\0\0", b"\0", 1 << 16))
    assert isinstance(data, bytes)
    message = dns.message.from_wire(data)
    assert message.rcode() == dns.rcode.BADVERS and not message.question


# A query without a question


@pytest.mark.parametrize("dnssec", [False, True])
@pytest.mark.parametrize("data", [b"", b"12345678", b"c" * 24, b"c" * 41])
def test_a_cookie_alone_is_a_query(data: bytes, dnssec: bool) -> None:
    """RFC 7873 5.4. Whether the cookie is well formed is for whoever answers it to say."""
    options = b"\0\x0a" + len(data).to_bytes(2, "big") + data
    query = parse_query(header(RD, questions=0, more=1) + record(41, options, b"\0", 0x8000 if dnssec else 0))
    assert query == CookieQuery(0x1234, RD, dnssec, options)


def test_it_may_come_from_dnspython() -> None:
    message = dns.message.Message(id=7)
    message.use_edns(0, options=[dns.edns.CookieOption(b"12345678", b"")])
    query = parse_query(message.to_wire())
    assert isinstance(query, CookieQuery) and option(query.options, registry.OPTION_COOKIE) == b"12345678"


# Options

COOKIE, KEEPALIVE = b"\0\x0a\0\x08", b"\0\x0b\0\0"

OPTIONS: dict[str, tuple[bytes, bytes | None]] = {
    "none": (b"", None),
    "another": (KEEPALIVE, None),
    "alone": (COOKIE + b"12345678", b"12345678"),
    "behind another": (KEEPALIVE + COOKIE + b"12345678", b"12345678"),
    "before another": (COOKIE + b"12345678" + KEEPALIVE, b"12345678"),
    "empty": (b"\0\x0a\0\0", b""),
    "the first of two": (COOKIE + b"12345678" + COOKIE + b"abcdefgh", b"12345678"),  # RFC 7873 5.2
    "cut in its data": (COOKIE + b"1234567", None),
    "cut in its head": (b"\0\x0a\0", None),
    "behind one that is cut": (b"\0\x0b\xff\xff" + COOKIE, None),
    "the last that is looked at": (KEEPALIVE * (MAX_OPTIONS - 1) + COOKIE + b"12345678", b"12345678"),
    "too far behind": (KEEPALIVE * MAX_OPTIONS + COOKIE + b"12345678", None),
}


@pytest.mark.parametrize(("octets", "data"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_is_found(octets: bytes, data: bytes | None) -> None:
    assert option(octets, registry.OPTION_COOKIE) == data


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_options_of_any_octets(octets: bytes, code: int) -> None:
    """Never raises, invents nothing, and looks at so many options at most."""
    counted = CountedOctets(octets)
    data = option(counted, code)
    assert data is None or code.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data in octets
    assert counted.looks <= 1


@given(queries())
def test_options_are_kept_as_they_came(message: dns.message.Message) -> None:
    query = parsed(message.to_wire())
    for one in message.options:
        assert option(query.options, int(one.otype)) == one.to_wire()
    assert bool(query.options) == bool(message.options)


ECS = {
    "a network": dns.edns.ECSOption("192.0.2.0", 24),
    "another": dns.edns.ECSOption("2001:db8::", 56),
    "a wish not to be told of": dns.edns.ECSOption("0.0.0.0", 0),  # RFC 7871 7.1.2: SOURCE 0
}


@pytest.mark.parametrize("subnet", ECS.values(), ids=ECS)
def test_nothing_depends_on_a_client_subnet(subnet: dns.edns.ECSOption) -> None:
    """RFC 7871 7.2.1, 11.1: nobody reads it, the answer is the same for all, and none comes back."""
    message = make_query("www.example.org", number=7)
    plain = parsed(message.to_wire())
    message.use_edns(0, options=[subnet])
    query = parsed(message.to_wire())
    assert query.cache_key == plain.cache_key
    assert reply(query, 0, (0, 0, 0), b"") == reply(plain, 0, (0, 0, 0), b"")


# What RFC 8906 asks of every server: each of these has an ordinary answer

PROBES: dict[str, dns.message.Message] = {
    "plain": make_query("example.org", edns=False),  # 8.1.1
    "an unknown type": make_query("example.org", "TYPE1000", edns=False),  # 8.1.2
    "CD": make_query("example.org", cd=True),  # 8.1.3.1
    "AD": make_query("example.org", ad=True),  # 8.1.3.2
    "EDNS": make_query("example.org"),  # 8.2.1
    "DO": make_query("example.org", dnssec=True),  # 8.2.8
}


def probe(flags: int = 0, ednsflags: int = 0, *options: dns.edns.Option) -> dns.message.Message:
    message = make_query("example.org")
    message.flags |= dns.flags.Flag(flags)
    message.use_edns(0, ednsflags, options=list(options))
    return message


def unknown(code: int, data: bytes = b"") -> dns.edns.GenericOption:
    return dns.edns.GenericOption(dns.edns.OptionType.make(code), data)


PROBES |= {
    "the Z bit": probe(0x40),  # 8.1.3.3: the last reserved bit of the header
    "an unknown option": probe(0, 0, unknown(100)),  # 8.2.3
    "an unknown option with data": probe(0, 0, unknown(65_001, b"data")),
    "unknown EDNS flags": probe(0, 0x0080),  # 8.2.4
    "all EDNS flags": probe(0, 0x7FFF),
    "several options": probe(0, 0, unknown(3), unknown(9), dns.edns.ECSOption("0.0.0.0", 0)),  # 8.2.10
}  # fmt: skip


@pytest.mark.parametrize("message", PROBES.values(), ids=PROBES)
def test_what_a_careful_server_must_not_trip_over(message: dns.message.Message) -> None:
    """RFC 8906 8: an OPT iff one was sent (RFC 6891 6.1.1); unknown flags clear, unknown options not echoed,
    DO echoed, CD copied (RFC 4035 3.2.2), AD and Z clear, whatever was sent."""
    made = dns.message.from_wire(reply(parsed(message.to_wire()), 0, (0, 0, 0), b""))
    assert message.is_response(made)
    assert made.edns == message.edns and not made.options
    assert made.ednsflags == message.ednsflags & 0x8000
    kept = message.flags & (dns.flags.RD | dns.flags.CD)
    assert made.flags == dns.flags.QR | dns.flags.RA | kept


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
    elif isinstance(result, CookieQuery):
        assert data[4:6] == b"\0\0" and option(result.options, registry.OPTION_COOKIE) is not None
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
