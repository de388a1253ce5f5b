"""The walk: facts about responses that dnspython built, tables of lives and faults, bounded work."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.names import from_text
from resolver.dns.query import name_end
from resolver.dns.records import MAX_CHAIN, MAX_HOPS, MAX_STEPS, RECORD_STEPS, TTL_CAP, Walk, read_name, walk
from resolver.errors import WireError
from tests.support.messages import (
    HOSTILE_RESPONSES,
    QNAME,
    QUESTION,
    TO_QNAME,
    CountedOctets,
    header,
    record,
    responses,
)

A = record(1, b"\xc0\0\x02\x01", ttl=60)
OPT = record(41, b"", b"\0", ttl=0, rclass=1232)


def soa(ttl: int, minimum: int) -> bytes:
    return record(6, TO_QNAME * 2 + b"\0\0\0\1" * 4 + minimum.to_bytes(4, "big"), ttl=ttl)


def cname(target: bytes, ttl: int = 300, owner: bytes = TO_QNAME) -> bytes:
    return record(5, target, owner, ttl)


def response(
    *answer: bytes, authority: tuple[bytes, ...] = (), more: tuple[bytes, ...] = (), rcode: int = 0,
    question: bytes = QUESTION,
) -> bytes:  # fmt: skip
    """A response of records as they stand."""
    head = header(0x8180 | rcode, 1, len(answer), len(authority), len(more))
    return head + question + b"".join((*answer, *authority, *more))


# Facts


@given(responses())
def test_ttls_are_where_the_walk_says(message: dns.message.Message) -> None:
    data = message.to_wire(max_size=65_535)
    walked = walk(data)
    # One record to an RRset, so that the order is that of the wire.
    read = dns.message.from_wire(data, one_rr_per_rrset=True)
    sections = (read.answer, read.authority, read.additional)
    assert walked.counts == tuple(len(section) for section in sections)
    ttls = [rrset.ttl for section in sections for rrset in section]
    assert [int.from_bytes(walked.body[at : at + 4], "big") for at in walked.offsets] == ttls
    assert walked.rcode == message.rcode() and walked.flags == int.from_bytes(data[2:4], "big")
    end = 12 + len(walked.question)
    assert data[12:end] == QUESTION[:-4] + walked.question[-4:]
    assert data[end:].startswith(walked.body)


@given(responses())
def test_cname_targets_are_those_dnspython_reads(message: dns.message.Message) -> None:
    data = message.to_wire(max_size=65_535)
    read = dns.message.from_wire(data, one_rr_per_rrset=True)
    expected = [rrset[0].target.canonicalize().to_wire() for rrset in read.answer if rrset.rdtype == 5]
    assert list(walk(data).targets) == expected


def test_targets_are_lower_cased_and_in_order() -> None:
    data = response(cname(b"\x01B" + TO_QNAME), cname(b"\x01C\x04tEst\0", owner=b"\x01B" + TO_QNAME))
    assert walk(data).targets == (from_text("b.www.example.org"), from_text("c.test"))


def test_a_cname_in_authority_is_no_target() -> None:
    assert walk(response(A, authority=(cname(b"\x01b\0"),))).targets == ()


def test_octets_of_unknown_types_are_kept() -> None:
    """RFC 3597 3: what looks like a pointer in RDATA that we do not know is none."""
    rdata = bytes(range(256)) + b"\xc0\xff\xff\xff"
    walked = walk(response(record(65_280, rdata), record(64, rdata), question=QNAME + b"\xff\x00\0\x01"))
    assert walked.body.count(rdata) == 2 and walked.question == QNAME + b"\xff\x00\0\x01"


def test_octets_behind_the_message_are_left_out() -> None:
    assert walk(response(A) + b"trailing").body == A


def test_a_response_without_a_question() -> None:
    walked = walk(header(0x8182, questions=0))
    assert (
        walked.question == walked.body == b"" and walked.rcode == registry.SERVFAIL and walked.lifetime == 0
    )


# The OPT (RFC 6891)

MIDDLE = (record(1, b"1111"), OPT, record(1, b"2222"), record(250, b"tsig"))


@pytest.mark.parametrize("at", range(4))
def test_the_opt_and_what_is_behind_it_is_cut_off(at: int) -> None:
    before = [record(1, bytes([number]) * 4) for number in range(at)]
    walked = walk(response(A, more=(*before, OPT, *MIDDLE[2:])))
    assert walked.counts == (1, 0, at)
    assert walked.body == A + b"".join(before)
    assert len(walked.offsets) == 1 + at


RCODES = {(0, 0): 0, (3, 0): 3, (0, 1): 16, (7, 1): 23, (15, 255): 4095}


@pytest.mark.parametrize(("parts", "rcode"), RCODES.items())
def test_the_opt_extends_the_rcode(parts: tuple[int, int], rcode: int) -> None:
    lower, upper = parts
    data = response(rcode=lower, more=(record(41, b"", b"\0", ttl=upper << 24),))
    assert walk(data).rcode == rcode == dns.message.from_wire(data).rcode()


# How long an answer lives

TYPE_CNAME, TYPE_ANY = QNAME + b"\0\x05\0\x01", QNAME + b"\0\xff\0\x01"
RRSIG = record(46, b"\0\x05" + b"x" * 40, ttl=50)
OVER_CAP = (604_801, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

LIVES: dict[str, tuple[bytes, int]] = {
    "the TTL of its record": (response(A), 60),
    "the smallest TTL of all": (response(A, record(1, b"1", ttl=59), more=(record(1, b"1", ttl=7),)), 7),
    "no time at all": (response(A, record(1, b"1234", ttl=0)), 0),
    "a chain and its end": (response(cname(b"\x01b\0", 30), record(1, b"1234", b"\x01b\0", 60)), 30),
    # RFC 2308 5: the smaller of the SOA's TTL and MINIMUM.
    "NXDOMAIN, MINIMUM": (response(rcode=3, authority=(soa(300, 60),)), 60),
    "NXDOMAIN, TTL of the SOA": (response(rcode=3, authority=(soa(60, 300),)), 60),
    "NODATA, MINIMUM": (response(authority=(soa(300, 60),)), 60),
    "NODATA behind a chain": (response(cname(b"\x01b\0", 30), authority=(soa(300, 60),)), 30),
    "NXDOMAIN behind a chain": (response(cname(b"\x01b\0"), rcode=3, authority=(soa(300, 60),)), 60),
    "a signed chain to nothing": (response(cname(b"\x01b\0"), RRSIG, authority=(soa(300, 60),)), 50),
    # RFC 2308 5: without SOA not kept.
    "NXDOMAIN without SOA": (response(rcode=3), 0),
    "NODATA without SOA": (response(), 0),
    "a chain to nothing without SOA": (response(cname(b"\x01b\0")), 0),
    "a signed chain to nothing without SOA": (response(cname(b"\x01b\0"), RRSIG), 0),
    "a referral": (response(authority=(record(2, b"\x02ns\0"),)), 0),
    "an SOA in the wrong section": (response(rcode=3, more=(soa(300, 60),)), 0),
    "an SOA without MINIMUM": (response(rcode=3, authority=(record(6, b"\0" * 21),)), 0),
    # What was asked decides what is an answer (RFC 2308 2.2).
    "CNAME, asked for": (response(cname(b"\x01b\0", 30), question=TYPE_CNAME), 30),
    "anything, asked for ANY": (response(cname(b"\x01b\0", 30), question=TYPE_ANY), 30),
    "an answer to nothing": (header(questions=0, answer=1) + record(1, b"1234", b"\x01a\0"), 0),
    # Failures are not kept here.
    "SERVFAIL": (response(A, rcode=2), 0),
    "REFUSED": (response(A, authority=(soa(300, 60),), rcode=5), 0),
    "BADVERS": (response(A, more=(record(41, b"", b"\0", ttl=1 << 24),)), 0),
    # RFC 8767 4: seven days at most, a high bit is a large value.
    **{f"a TTL of {ttl}": (response(record(1, b"1234", ttl=ttl)), TTL_CAP) for ttl in OVER_CAP},
    "a MINIMUM of 2^32 - 1": (response(rcode=3, authority=(soa(0xFFFFFFFF, 0xFFFFFFFF),)), TTL_CAP),
}  # fmt: skip


@pytest.mark.parametrize(("data", "seconds"), LIVES.values(), ids=LIVES)
def test_how_long_it_lives(data: bytes, seconds: int) -> None:
    assert walk(data).lifetime == seconds


def test_the_soa_is_given_the_ttl_it_is_kept_for() -> None:
    assert walk(response(rcode=3, authority=(soa(300, 60),))).ttls == (60,)
    assert walk(response(soa(300, 60), question=QNAME + b"\0\x06\0\x01")).ttls == (300,)  # an answer


def test_ttls_are_capped_one_by_one() -> None:
    data = response(*(record(1, b"1234", ttl=ttl) for ttl in (1, TTL_CAP, *OVER_CAP)))
    assert walk(data).ttls == (1, *[TTL_CAP] * 5)


# Faults

BAD: dict[str, bytes] = {
    "nothing": b"",
    "half a header": header()[:11],
    "two questions": header(questions=2) + QUESTION * 2,
    "no question where one should be": header(),
    "half a question": header() + QUESTION[:-1],
    "a pointer as a question": header() + b"\xc0\x0c\0\1\0\1",
    "a record that is not there": header(answer=1) + QUESTION,
    "half a record": response(A)[:-1],
    "half a record without RDATA": response(A)[: -len(A) + 5],
    "half a pointer": header(answer=1) + QUESTION + b"\xc0",
    "RDATA that runs out": header(answer=1) + QUESTION + A[:-4] + b"\0",
    "an owner of type 10": header(answer=1) + QUESTION + b"\x80" * 40,
    "an owner of type 01": header(answer=1) + QUESTION + b"\x40" * 80,
    "an owner that runs out": header(answer=1) + QUESTION + b"\x3fabc",
    "one record too few": header(answer=2) + QUESTION + A,
    "an authority too few": header(answer=1, authority=1) + QUESTION + A,
    "an additional too few": header(answer=1, more=1) + QUESTION + A,
    "an OPT in answer": response(OPT, A),
    "an OPT in authority": response(A, authority=(OPT,)),
    "a CNAME without target": response(cname(b"")),
    "a CNAME to itself": response(cname(b"\xc0" + bytes([12 + len(QUESTION) + 12]))),
    "a CNAME that points forward": response(cname(b"\xff\xff")),
    "a CNAME into the header": response(cname(b"\xc0\x00")),
    "a CNAME to half a pointer": response(cname(b"\xc0")),
    "a CNAME of 256 octets": response(cname((b"\x3f" + b"a" * 63) * 4 + b"\0")),
    "a CNAME that ends behind its RDATA": response(cname(b"\x3f" + b"a" * 63) + b"\0"),
    "a CNAME that ends before its RDATA": response(cname(b"\x01b\0\0")),
    "a CNAME with octets behind its pointer": response(cname(TO_QNAME + b"\0")),
    "too many records": header(answer=1300) + QUESTION + A * 1300,
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_cannot_be_relayed(data: bytes) -> None:
    with pytest.raises(WireError):
        walk(data)


def test_as_many_records_as_are_read() -> None:
    count = MAX_STEPS // RECORD_STEPS
    assert count == 1200
    assert len(walk(header(answer=count) + QUESTION + A * count).ttls) == count
    with pytest.raises(WireError, match="more records"):
        walk(header(answer=count + 1) + QUESTION + A * (count + 1))


def test_as_long_a_chain_as_is_followed() -> None:
    chain = [cname(b"\x01" + bytes([65 + number]) + TO_QNAME) for number in range(MAX_CHAIN + 1)]
    assert len(walk(response(*chain[:-1])).targets) == MAX_CHAIN == 16
    with pytest.raises(WireError, match="longer chain"):
        walk(response(*chain))


# Names behind pointers (RFC 1035 4.1.4)

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


# What holds for any octets


def check_walk(data: bytes) -> Walk | None:
    """The invariant: WireError, or a walk whose parts fit together; and little work."""
    counted = CountedOctets(data)
    try:
        walked = walk(counted)
    except WireError:
        assert counted.looks < 12_000
        return None
    assert counted.looks < 12_000
    assert sum(walked.counts) == len(walked.offsets) == len(walked.ttls)
    assert all(0 <= ttl <= TTL_CAP for ttl in walked.ttls) and 0 <= walked.lifetime <= TTL_CAP
    ends = [*walked.offsets, len(walked.body)][1:]
    assert all(at + 4 <= end for at, end in zip(walked.offsets, ends, strict=False))
    assert data[12:].startswith(walked.question + walked.body)
    assert len(walked.targets) <= MAX_CHAIN
    assert all(name_end(target, 0) == len(target) for target in walked.targets)
    return walked


@given(st.binary(max_size=600))
@example(b"\0" * 12)
def test_any_octets(data: bytes) -> None:
    check_walk(data)


@given(st.binary(max_size=200), st.tuples(*[st.integers(0, 4)] * 3))
def test_any_octets_behind_a_question(tail: bytes, counts: tuple[int, int, int]) -> None:
    check_walk(header(0x8180, 1, *counts) + QUESTION + tail)


@given(responses(), st.data())
def test_any_change_to_a_valid_response(message: dns.message.Message, data: st.DataObject) -> None:
    octets = bytearray(message.to_wire(max_size=65_535))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    check_walk(bytes(octets[: data.draw(st.integers(0, len(octets)))]))


@given(responses(), st.data())
def test_every_cut_of_a_valid_response_is_noticed(message: dns.message.Message, data: st.DataObject) -> None:
    octets = message.to_wire(max_size=65_535)
    walked = walk(octets)
    end = 12 + len(walked.question) + len(walked.body)
    cut = data.draw(st.integers(0, end - 1))
    assert check_walk(octets[:cut]) is None


@pytest.mark.parametrize("data", HOSTILE_RESPONSES.values(), ids=HOSTILE_RESPONSES)
def test_hostile_responses_cost_no_more_than_others(data: bytes) -> None:
    check_walk(data)
