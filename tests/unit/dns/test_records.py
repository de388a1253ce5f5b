"""The walk: facts about responses that dnspython built, tables of lives and faults, bounded work."""

from __future__ import annotations

import ipaddress

import dns.message
import dns.rcode
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.dns import records, registry
from resolver.dns.names import from_text
from resolver.dns.query import name_end
from resolver.dns.records import MAX_CHAIN, MAX_RECORDS, TTL_CAP, Walk, walk
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
from tests.support.relayed import Record, relayed

A = record(1, b"\xc0\0\x02\x01", ttl=60)
OPT = record(41, b"", b"\0", ttl=0, rclass=1232)
COOKIE = record(41, b"\0\x0a\0\x08abcdefgh", b"\0", ttl=0, rclass=1232)


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
def test_the_walk_finds_what_dnspython_reads(message: dns.message.Message) -> None:
    """Records and their TTLs, where they lead, and what is left out."""
    data = message.to_wire(max_size=65_535)
    walked, expected = walk(data), relayed(data)
    sections = (expected.answer, expected.authority, expected.additional)
    assert walked.counts == tuple(len(section) for section in sections)
    assert list(walked.ttls) == [one.ttl for section in sections for one in section]
    assert [int.from_bytes(walked.body[at : at + 4], "big") for at in walked.offsets] == list(walked.ttls)
    assert walked.rcode == message.rcode() and walked.flags == int.from_bytes(data[2:4], "big")
    assert walked.question == data[12 : 12 + len(walked.question)] == QUESTION[:-4] + walked.question[-4:]
    assert len(set(walked.targets)) == len(walked.targets)
    assert set(walked.targets) == {target.to_wire() for target in expected.targets}


@given(responses())
def test_nothing_but_ttls_is_changed_where_nothing_is_taken_out(message: dns.message.Message) -> None:
    data = message.to_wire(max_size=65_535)
    walked = walk(data)
    if not relayed(data).stripped:
        assert data[12:].startswith(walked.question + untimed(walked, data))


def untimed(walked: Walk, data: bytes) -> bytes:
    """The body with the TTLs of the message that it came from."""
    body, start = bytearray(walked.body), 12 + len(walked.question)
    for at in walked.offsets:
        body[at : at + 4] = data[start + at : start + at + 4]
    return bytes(body)


PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "192.168.0.0/16", "fd00::/8")))
"""Those that `responses` draws from."""


def any_private(record: Record) -> bool:
    """Whether dnspython reads an address of a private network in it."""
    rtype, rdata = record.rtype, record.rdata
    found: list[str] = [rdata.address] if rtype in (1, 28) else []
    if rtype in (64, 65):
        found += [str(one) for key in (4, 6) if key in rdata.params for one in rdata.params[key].addresses]
    return any(ipaddress.ip_address(one) in network for one in found for network in PRIVATE)


@given(responses())
def test_private_addresses_are_found_wherever_they_stand(message: dns.message.Message) -> None:
    data = message.to_wire(max_size=65_535)
    expected = relayed(data)
    records = expected.answer + expected.authority + expected.additional
    assert walk(data).private == any(
        any_private(one)
        for one in records
        if one in expected.answer + expected.additional or one.rtype not in (64, 65)
    )


@given(responses())
def test_what_is_relayed_is_relayed_again_as_it_is(message: dns.message.Message) -> None:
    first = walk(message.to_wire(max_size=65_535))
    counts = b"".join(count.to_bytes(2, "big") for count in (1, *first.counts))
    again = walk(b"\0\0" + first.flags.to_bytes(2, "big") + counts + first.question + first.body)
    assert again == first._replace(options=b"")


def test_targets_are_lower_cased_and_in_order() -> None:
    data = response(cname(b"\x01B" + TO_QNAME), cname(b"\x01C\x04tEst\0", owner=b"\x01B" + TO_QNAME))
    assert walk(data).targets == (from_text("b.www.example.org"), from_text("c.test"))


def test_octets_of_unknown_types_are_kept() -> None:
    """RFC 3597 3: what looks like a pointer in RDATA that we do not know is none."""
    rdata = bytes(range(256)) + b"\xc0\xff\xff\xff"
    walked = walk(response(record(65_280, rdata), record(66, rdata), question=QNAME + b"\xff\x00\0\x01"))
    assert walked.body.count(rdata) == 2 and walked.question == QNAME + b"\xff\x00\0\x01"


def test_octets_behind_the_message_are_left_out() -> None:
    assert walk(response(A) + b"trailing").body == A


def test_a_response_without_a_question() -> None:
    walked = walk(header(0x8182, questions=0))
    assert (
        walked.question == walked.body == b"" and walked.rcode == registry.SERVFAIL and walked.lifetime == 0
    )


def test_a_question_that_was_read_need_not_be_read_again() -> None:
    data = response(A, cname(b"\x01b\0"), authority=(soa(9, 9),), more=(OPT,))
    assert walk(data, 12 + len(QUESTION)) == walk(data)


# Where records lead


def https(target: bytes, parameters: bytes = b"", owner: bytes = TO_QNAME, rtype: int = 65) -> bytes:
    return record(rtype, b"\0\1" + target + parameters, owner)


B, C = b"\1b\4test\0", b"\1c\4test\0"
TO_CNAME = (0xC000 | 12 + len(QUESTION) + 12).to_bytes(2, "big")
"""A pointer to where the first CNAME leads, if it is the first record."""


def chained(at: int) -> bytes:
    """A pointer to where the CNAME with this index leads, each before it to a name like `B`."""
    return (0xC000 | 12 + len(QUESTION) + 12 + at * (12 + len(B))).to_bytes(2, "big")


HINTED = b"\0\4\0\4\xc0\xa8\0\1"
ALIAS = cname(B)

LEADS: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
    "nowhere": (response(A), ()),
    "to a name": (response(ALIAS), (B,)),
    "to the qname": (response(cname(TO_QNAME)), (QNAME.lower(),)),
    "twice to one name": (response(ALIAS, https(B)), (B,)),
    "by HTTPS": (response(https(B)), (B,)),
    "by SVCB": (response(https(B, rtype=64)), (B,)),
    "by HTTPS to itself": (response(https(b"\0")), ()),
    "on behind a CNAME": (response(ALIAS, https(C, owner=TO_CNAME)), (B, C)),
    "on in the additional section": (response(https(B), more=(https(C, owner=B),)), (B, C)),
    "on by a CNAME there": (response(https(B), more=(cname(C, owner=B),)), (B, C)),
    "in authority, where nobody follows": (response(A, authority=(ALIAS, https(C))), ()),
    "by DNAME, and the CNAME is missing": (
        response(record(39, B, b"\xc0\x10")), (B, b"\3www" + B)
    ),
    "by DNAME and CNAME": (
        response(record(39, B, b"\xc0\x10"), cname(b"\3www" + B)), (B, b"\3www" + B)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "targets"), LEADS.values(), ids=LEADS)
def test_where_an_answer_leads(data: bytes, targets: tuple[bytes, ...]) -> None:
    assert walk(data).targets == targets


INSIDE = b"\xc0\xa8\1\1"
PLACES: dict[str, tuple[bytes, bool]] = {
    "A": (response(record(1, INSIDE)), True),
    "AAAA": (response(record(28, b"\xfd" + b"\0" * 15)), True),
    "AAAA, mapped": (response(record(28, b"\0" * 10 + b"\xff\xff" + INSIDE)), True),
    "A, the second": (response(A, record(1, INSIDE)), True),
    "A, behind a CNAME": (response(ALIAS, record(1, INSIDE, TO_CNAME)), True),
    "A in additional": (response(A, more=(record(1, INSIDE, b"\1x\0"), OPT)), True),
    "A in authority": (response(authority=(record(1, INSIDE, b"\1x\0"),)), True),
    "ipv4hint": (response(https(b"\0", HINTED)), True),
    "ipv6hint": (response(https(b"\0", b"\0\6\0\x10\xfe\x80" + b"\0" * 14)), True),
    "the second hint": (response(https(b"\0", b"\0\4\0\x08\xc0\0\2\1" + INSIDE)), True),
    "a hint twice": (response(https(b"\0", b"\0\4\0\4\xc0\0\2\1" + HINTED)), True),
    "a hint in additional": (response(https(B), more=(https(b"\0", HINTED, B),)), True),
    "SVCB": (response(https(b"\0", HINTED, rtype=64)), True),
    "behind the OPT": (response(A, more=(OPT, record(1, INSIDE))), False),
    "of a name that was not asked for": (response(A, record(1, INSIDE, B)), False),
    "another parameter": (response(https(b"\0", b"\0\x05\0\4" + INSIDE)), False),
    "too short": (response(record(1, INSIDE[:3])), False),
    "too long": (response(record(1, INSIDE + b"\0")), False),
    "another type": (response(record(2, INSIDE[:1] + b"\0")), False),
    "outside": (response(A, record(28, b"\x20\1\x0d\xb8" + b"\0" * 12)), False),
}


@pytest.mark.parametrize(("data", "private"), PLACES.values(), ids=PLACES)
def test_what_leads_inside(data: bytes, private: bool) -> None:
    assert walk(data).private == private


# What belongs to the question

OTHER = record(1, b"\xc0\0\2\x09", B)
STRANGE: dict[str, tuple[bytes, int]] = {
    "another name": (response(A, OTHER), 1),
    "another name first": (response(OTHER, A), 1),
    "nothing but another name": (response(OTHER), 0),
    "a name above": (response(A, record(1, b"1234", b"\xc0\x10")), 1),
    "a name below": (response(A, record(1, b"1234", b"\1a\xc0\x0c")), 1),
    "another class": (response(A, record(1, b"1234", rclass=3)), 1),
    "where another name leads": (response(A, cname(C, owner=B), record(1, b"1234", C)), 1),
    "a DNAME of another name": (response(A, record(39, C, B)), 1),
    "its signature": (response(A, record(46, b"\0\x27xx", B)), 1),
    "the qname in other letters": (response(A, record(1, b"1234", QNAME.upper())), 2),
    "the qname spelled out": (response(record(1, b"1234", QNAME), record(1, b"5678", QNAME)), 2),
    "the end before the chain": (response(record(1, b"1234", B), ALIAS), 2),
    "a chain, its end spelled out": (response(ALIAS, record(1, b"1234", B.upper())), 2),
    "a chain that points to a name": (
        response(cname(b"\xc0\x10"), record(1, b"1234", b"\xc0\x10")), 2
    ),
    "signatures of the chain": (
        response(ALIAS, record(46, b"\0\5xx"), record(46, b"\0\1xx", TO_CNAME)), 3
    ),
    "a DNAME, its signature and its CNAME": (
        response(record(39, B, b"\xc0\x10"), record(46, b"\0\x27xx", b"\xc0\x10"), cname(b"\3www" + B)), 3
    ),
    "data where a DNAME leads": (
        response(record(39, B, b"\xc0\x10"), record(1, b"1234", b"\3www" + B)), 2
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "left"), STRANGE.values(), ids=STRANGE)
def test_an_answer_holds_what_belongs_to_its_question(data: bytes, left: int) -> None:
    """MaginotDNS: what nobody asked for is believed by nobody."""
    assert walk(data).counts[0] == left


def test_what_is_left_when_something_is_taken_out() -> None:
    ns = record(2, b"\2ns" + TO_QNAME)
    data = response(OTHER, record(15, b"\0\1" + B), authority=(ns,), more=(record(1, b"1234", B), COOKIE))
    walked = walk(data)
    assert walked.counts == (1, 1, 0) and walked.options == COOKIE[11:]
    assert walked.body == record(15, b"\0\1" + B) + record(2, b"\2ns" + QNAME)
    assert walk(response(OTHER, A, rcode=7, more=(record(41, b"", b"\0", 1 << 24),))).rcode == 23


USUAL: dict[str, bytes] = {
    "an address": response(A, more=(OPT,)),
    "addresses spelled out": response(record(1, b"1234", QNAME), record(1, b"5678", QNAME), more=(OPT,)),
    "a signed address": response(A, record(46, b"\0\1xx", ttl=60)),
    "a chain": response(cname(B, 9), cname(C, 8, TO_CNAME), record(1, b"1234", chained(1), 7)),
    "a signed chain": response(cname(B, 9), record(46, b"\0\5xx", ttl=9), record(1, b"1234", TO_CNAME, 7)),
    "a chain to a name above": response(cname(b"\xc0\x10", 9), record(1, b"1234", b"\xc0\x10", 7)),
    "a chain to nothing": response(cname(B, 9), authority=(soa(300, 60),), more=(OPT,)),
    "an HTTPS record": response(https(b"\0", HINTED), more=(OPT,)),
    "nothing": response(authority=(soa(300, 60),), more=(OPT,)),
}


@pytest.mark.parametrize("data", USUAL.values(), ids=USUAL)
def test_usual_answers_are_settled_by_a_glance(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = walk(data)
    monkeypatch.setattr(records, "rows", None)  # reads every owner, which takes longer than all the rest
    assert walk(data) == expected


# TTLs of one RRset (RFC 2181 5.2)

UNEVEN: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "two addresses": (response(A, record(1, b"1234", ttl=59)), (59, 59)),
    "with another RRset between": (
        response(A, record(16, b"\0", ttl=9), record(1, b"1234", ttl=59)), (59, 9, 59)
    ),
    "spelled in two ways": (response(A, record(1, b"1234", QNAME.upper(), 59)), (59, 59)),
    "types differ": (response(A, record(28, bytes(16), ttl=59)), (60, 59)),
    "names differ": (response(cname(B, 9), A[:-4] + b"1234"), (9, 60)),
    "links differ": (response(cname(B, 9), cname(C, 8, TO_CNAME), record(1, b"1234", C, 7)), (9, 8, 7)),
    "spelled in two ways, by a CNAME that leads nowhere": (
        response(cname(QNAME, 9), A, record(1, b"1234", TO_CNAME, 50)), (9, 50, 50)
    ),
    "a signature": (response(A, record(46, b"\0\1xx", ttl=50)), (50, 50)),
    "a signature of something else": (response(A, record(46, b"\0\2xx", ttl=50)), (60, 50)),
    "in authority": (response(authority=(record(2, B, ttl=9), record(2, C, ttl=8))), (8, 8)),
    "in additional": (response(A, more=(record(1, b"1", B, 8), record(1, b"2", B, 9))), (60, 8, 8)),
    "in two sections": (response(A, authority=(record(1, b"1234", ttl=7),)), (60, 7)),
    "an SOA and its signature": (
        response(rcode=3, authority=(soa(300, 60), record(46, b"\0\6xx", ttl=300))), (60, 60)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "ttls"), UNEVEN.values(), ids=UNEVEN)
def test_the_ttls_of_an_rrset_are_equal(data: bytes, ttls: tuple[int, ...]) -> None:
    walked = walk(data)
    assert walked.ttls == ttls
    assert [int.from_bytes(walked.body[at : at + 4], "big") for at in walked.offsets] == list(ttls)


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
    data = response(*(record(300 + at, b"", ttl=ttl) for at, ttl in enumerate((1, TTL_CAP, *OVER_CAP))))
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
    "an answer to nothing": header(questions=0, answer=1) + record(1, b"1234", b"\x01a\0"),
    "a DNAME that ends before its RDATA": response(record(39, b"\x01b\0\0")),
    "an HTTPS record without TargetName": response(record(65, b"\0\1")),
    "an HTTPS record with half a TargetName": response(record(65, b"\0\1\1b")),
    "an HTTPS record with a pointer": response(record(65, b"\0\1" + TO_QNAME)),
    "an HTTPS record with half a parameter": response(record(65, b"\0\1\0\0\4")),
    "an SVCB record with half a hint": response(record(64, b"\0\1\0\0\4\0\x04" + b"123")),
    "more than TCP carries with an OPT of ours": response(record(16, b"x" * 64_600)),
    "too many DNAME records": response(*[record(39, B, b"\xc0\x10")] * 5),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_cannot_be_relayed(data: bytes) -> None:
    with pytest.raises(WireError):
        walk(data)


def test_as_many_records_as_are_read() -> None:
    count = MAX_RECORDS
    assert len(walk(header(answer=count) + QUESTION + A * count).ttls) == count
    with pytest.raises(WireError, match="more records"):
        walk(header(answer=count + 1) + QUESTION + A * (count + 1))


def test_as_long_a_chain_as_is_followed() -> None:
    chain = [cname(b"\x01" + bytes([65 + number]) + TO_QNAME) for number in range(MAX_CHAIN + 1)]
    assert len(walk(response(*chain[:-1])).targets) == MAX_CHAIN == 16
    with pytest.raises(WireError, match="longer chain"):
        walk(response(*chain))


# What holds for any octets


MOST_LOOKS = 8_000
"""Looks at a message: each takes a tenth of a microsecond, with all that is done about it."""


def check_walk(data: bytes) -> Walk | None:
    """The invariant: WireError, or a walk whose parts fit together; and little work."""
    counted = CountedOctets(data)
    try:
        walked = walk(counted)
    except WireError:
        assert counted.looks < MOST_LOOKS
        return None
    assert counted.looks < MOST_LOOKS
    assert sum(walked.counts) == len(walked.offsets) == len(walked.ttls)
    assert all(0 <= ttl <= TTL_CAP for ttl in walked.ttls) and 0 <= walked.lifetime <= TTL_CAP
    ends = [*walked.offsets, len(walked.body)][1:]
    assert all(at + 4 <= end for at, end in zip(walked.offsets, ends, strict=False))
    assert [int.from_bytes(walked.body[at : at + 4], "big") for at in walked.offsets] == list(walked.ttls)
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
    if not relayed(octets).stripped:
        end = 12 + len(walked.question) + len(walked.body)
        assert check_walk(octets[: data.draw(st.integers(0, end - 1))]) is None


@pytest.mark.parametrize("data", HOSTILE_RESPONSES.values(), ids=HOSTILE_RESPONSES)
def test_hostile_responses_cost_no_more_than_others(data: bytes) -> None:
    check_walk(data)
