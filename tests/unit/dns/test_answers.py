"""Answers: what we make ourselves and what we relay, read back by dnspython."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.answers import Relay, failure, minimal_any, reply, truncated, upstream_query
from resolver.dns.edns import PLAIN_OPT, extended_error, opt
from resolver.dns.query import Query, parse_query
from resolver.dns.records import TTL_CAP, walk
from resolver.errors import WireError
from tests.support.client import make_query
from tests.support.messages import QUESTION, TO_QNAME, header, queries, record, responses
from tests.support.relayed import Record, relayed

NAME = "wWw.eXample.oRg"


def query_of(message: dns.message.Message) -> Query:
    query = parse_query(message.to_wire())
    assert isinstance(query, Query)
    return query


def ask(
    qtype: str = "A", *, edns: bool = True, dnssec: bool = False, rd: bool = True, ad: bool = False,
    cd: bool = False,
) -> Query:  # fmt: skip
    return query_of(make_query(NAME, qtype, number=0xBEEF, edns=edns, dnssec=dnssec, rd=rd, ad=ad, cd=cd))


def relay(data: bytes, stored: float = 0.0) -> Relay:
    return Relay(walk(data), stored)


A = record(1, b"\xc0\0\x02\x01", ttl=60)
ANSWER = header(answer=1) + QUESTION + A


# The frame of every reply

ALL_FLAGS = [(rd, ad, cd) for rd in (False, True) for ad in (False, True) for cd in (False, True)]


@pytest.mark.parametrize(("rd", "ad", "cd"), ALL_FLAGS)
@pytest.mark.parametrize("upstream_flags", [0x8000, 0x8180, 0x85F0, 0xFFF0], ids=hex)
def test_flags_of_a_relayed_answer(rd: bool, ad: bool, cd: bool, upstream_flags: int) -> None:
    """RFC 1035 4.1.1: QR and RA set, AA clear, RD as asked. AD is never set: we validate nothing. Z clear."""
    query = ask(rd=rd, ad=ad, cd=cd)
    octets = relay(header(upstream_flags & 0x87F0, answer=1) + QUESTION + A).render(query, 0)
    expected = dns.flags.QR | dns.flags.RA
    expected |= dns.flags.RD if rd else 0
    expected |= dns.flags.CD if cd else 0
    assert int.from_bytes(octets[2:4], "big") == expected
    assert int.from_bytes(failure(query, registry.SERVFAIL, 22)[2:4], "big") == expected | 2


@given(queries())
def test_a_reply_answers_the_very_question(message: dns.message.Message) -> None:
    """ID, opcode and question come back, case and all (RFC 4343 4.1); an OPT exactly when one was sent."""
    query = query_of(message)
    for octets in (
        reply(query, registry.NOERROR, (0, 0, 0), b""),
        failure(query, registry.SERVFAIL, registry.EDE_NETWORK_ERROR, "no upstream answered"),
        truncated(query),
        minimal_any(query),
    ):
        read = dns.message.from_wire(octets)
        assert message.is_response(read)
        assert octets[12 : 12 + len(query.question)] == query.question
        assert (read.edns, bool(read.ednsflags & dns.flags.DO)) == (message.edns, query.dnssec)
        assert not read.flags & (dns.flags.AD | dns.flags.AA)


@pytest.mark.parametrize("edns", [False, True])
def test_a_failure_says_why(edns: bool) -> None:
    """RFC 8914 2: in an OPT, so only to a client that sent one."""
    read = dns.message.from_wire(failure(ask(edns=edns), registry.SERVFAIL, 22, "no upstream answered"))
    assert read.rcode() == dns.rcode.SERVFAIL and not read.answer + read.authority
    assert errors(read) == ([(22, "no upstream answered")] if edns else [])


def test_truncated_holds_nothing() -> None:
    read = dns.message.from_wire(truncated(ask()))
    assert read.flags & dns.flags.TC and read.rcode() == 0 and not read.answer + read.authority


@pytest.mark.parametrize("edns", [False, True])
def test_any_gets_little(edns: bool) -> None:
    """RFC 8482 4.2: one HINFO of the qname; no larger than thrice the question, so it never amplifies."""
    query = ask("ANY", edns=edns)
    octets = minimal_any(query)
    (rrset,) = dns.message.from_wire(octets).answer
    assert rrset.to_text() == f'{NAME}. 3600 IN HINFO "RFC8482" ""'
    assert len(octets) <= 3 * (12 + len(query.question))


# Relayed answers


@given(responses(), st.integers(0, 700_000), st.booleans())
def test_a_relayed_answer_is_the_upstreams(message: dns.message.Message, age: int, edns: bool) -> None:
    """Equal but for ID, flags, OPT, what does not belong, and the TTLs, which are counted down."""
    data = message.to_wire(max_size=65_535)
    asked = message.question[0]
    query = query_of(make_query(NAME, dns.rdatatype.to_text(asked.rdtype), edns=edns, number=7))
    expected = relayed(data)
    read = dns.message.from_wire(relay(data).render(query, age), one_rr_per_rrset=True)
    assert read.id == 7 and read.rcode() == message.rcode() and read.question == message.question
    assert (read.edns == 0) == edns
    sections = expected.answer, expected.authority, expected.additional
    assert records(read) == [[one._replace(ttl=max(one.ttl - age, 0)) for one in was] for was in sections]


def records(read: dns.message.Message) -> list[list[Record]]:
    """The records of each section."""
    return [
        [Record(rrset.name, int(rrset.rdtype), rrset[0], rrset.ttl) for rrset in section]
        for section in (read.answer, read.authority, read.additional)
    ]


def test_octets_that_we_do_not_understand_pass_unharmed() -> None:
    """RFC 3597 3, RFC 5625 4.3: names inside stay compressed as they were, pointers lead where they led."""
    rdata = bytes(range(256)) + b"\xc0\x0c\xff\xff"
    body = record(65_280, rdata) + record(33, b"\0\1\0\2\0\3\x03srv" + TO_QNAME, b"\x01s" + TO_QNAME)
    octets = relay(header(answer=1, more=1) + QUESTION + body).render(ask("TYPE65280", edns=False), 0)
    assert octets[12 + len(QUESTION) :] == body
    read = dns.message.from_wire(octets, one_rr_per_rrset=True)
    assert read.answer[0][0].to_wire() == rdata
    assert read.additional[0].to_text() == f"s.{NAME}. 300 IN SRV 1 2 3 srv.{NAME}."


def test_every_client_gets_its_own_case() -> None:
    """An answer is kept once; owners point at the question, and that is each client's own."""
    kept = relay(ANSWER)
    for name in ("www.example.org", "WWW.EXAMPLE.ORG", "wwW.exaMPLE.orG"):
        read = dns.message.from_wire(kept.render(query_of(make_query(name)), 0))
        assert read.question[0].name.to_text() == f"{name}." == read.answer[0].name.to_text()


COUNTDOWN = [
    (60, 0, 60),
    (60, 1, 59),
    (60, 59, 1),
    (60, 60, 0),
    (60, 61, 0),
    (0, 0, 0),
    (0xFFFFFFFF, 1, 604_799),
]


@pytest.mark.parametrize(("ttl", "age", "left"), COUNTDOWN)
def test_ttls_are_counted_down(ttl: int, age: int, left: int) -> None:
    octets = relay(header(answer=1) + QUESTION + record(1, b"1234", ttl=ttl)).render(ask(), age)
    (rrset,) = dns.message.from_wire(octets).answer
    assert rrset.ttl == left


def test_a_clients_own_options_are_added() -> None:
    query = ask()
    query.extras = b"\0\x0b\0\2\0\1"
    read = dns.message.from_wire(relay(header(0x8182) + QUESTION).render(query, 0))
    assert [int(one.otype) for one in read.options] == [15, 11]
    without_edns = ask(edns=False)
    without_edns.extras = query.extras
    assert dns.message.from_wire(relay(ANSWER).render(without_edns, 0)).edns == -1


def test_rendering_changes_nothing_that_is_kept() -> None:
    kept = relay(ANSWER)
    first = kept.render(ask(), 0)
    kept.render(ask(edns=False), 59)
    assert kept.render(ask(), 0) == first


@pytest.mark.parametrize(("edns", "dnssec"), [(False, False), (True, False), (True, True)])
def test_the_opt_is_ours_and_not_the_upstreams(edns: bool, dnssec: bool) -> None:
    """RFC 6891 7: hop by hop. The upstream's options and size stay with us."""
    opt = record(41, b"\0\x0a\0\x08abcdefgh", b"\0", ttl=0x8000, rclass=4096)
    extra = record(1, b"5678", b"\x02ns" + TO_QNAME)
    data = header(answer=1, more=3) + QUESTION + A + extra + opt + extra
    read = dns.message.from_wire(relay(data).render(ask(edns=edns, dnssec=dnssec), 0))
    assert read.edns == (0 if edns else -1) and not read.options
    assert read.payload == (1232 if edns else 0)
    assert bool(read.ednsflags & dns.flags.DO) == dnssec
    assert [rrset.to_text() for rrset in read.additional] == [f"ns.{NAME}. 300 IN A 53.54.55.56"]


EXTENDED = [(0, 0, 0), (3, 0, 3), (15, 0, 15), (0, 1, 2), (7, 1, 2)]


@pytest.mark.parametrize(("lower", "upper", "shown"), EXTENDED)
def test_an_extended_rcode_is_not_cut_in_half(lower: int, upper: int, shown: int) -> None:
    """BADVERS without its upper bits would be NOERROR: it becomes SERVFAIL."""
    opt = record(41, b"", b"\0", ttl=upper << 24)
    kept = relay(header(0x8180 | lower, more=1) + QUESTION + opt)
    assert kept.rcode == shown == kept.render(ask(), 0)[3] & 15


def test_what_a_cache_needs_to_know() -> None:
    target = record(5, b"\x01B" + TO_QNAME, ttl=30)
    small, large = relay(ANSWER, 5.0), relay(header(answer=2) + QUESTION + target + A, 5.0)
    assert (small.stored, small.lifetime, small.targets) == (5.0, 60, ())
    assert large.lifetime == 30 and large.targets == (b"\x01b\x03www\x07example\x03org\0",)
    assert len(ANSWER) < small.octets < large.octets


# Stale answers (RFC 8767)


@pytest.mark.parametrize(("edns", "dnssec"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize(("rcode", "error"), [(0, 3), (3, 19)])
def test_a_stale_answer_says_so(rcode: int, error: int, edns: bool, dnssec: bool) -> None:
    """RFC 8767 4: every TTL is 30 s; RFC 8914 4.4 and 4.20 tell EDNS clients."""
    soa = record(6, TO_QNAME * 2 + b"\0\0\0\1" * 5, ttl=9)
    data = header(0x8180 | rcode, answer=1, authority=1) + QUESTION + A + soa
    query = ask(edns=edns, dnssec=dnssec)
    query.extras = b"\0\x0b\0\2\0\1" if edns else b""
    read = dns.message.from_wire(relay(data).stale(query))
    assert read.rcode() == rcode and [r.ttl for r in read.answer + read.authority] == [30, 30]
    assert errors(read) == ([(error, "")] if edns else [])
    assert bool(read.ednsflags & dns.flags.DO) == dnssec
    assert len(read.options) == (2 if edns else 0)


def errors(read: dns.message.Message) -> list[tuple[int, str]]:
    """The extended errors in a reply: code and text."""
    return [(int(o.code), o.text or "") for o in read.options if isinstance(o, dns.edns.EDEOption)]


def test_a_stale_answer_leaves_what_is_kept_as_it_is() -> None:
    kept = relay(ANSWER)
    fresh = kept.render(ask(), 0)
    kept.stale(ask())
    assert kept.render(ask(), 0) == fresh


# What an upstream says of itself

SAID: dict[str, tuple[int, bytes, list[tuple[int, str]]]] = {
    "nothing": (0, b"", []),
    "SERVFAIL": (2, b"", [(0, "an upstream answered SERVFAIL")]),
    "REFUSED": (5, b"", [(0, "an upstream answered REFUSED")]),
    "SERVFAIL, and why": (2, extended_error(6, "bogus"), [(6, "bogus")]),
    "REFUSED, and why": (5, extended_error(18), [(18, "")]),
    "blocked": (3, extended_error(15, "by a filter"), [(15, "by a filter")]),
    "forged": (0, extended_error(4), [(4, "")]),
    "stale, then": (0, extended_error(3), []),
    "a cookie": (0, b"\0\x0a\0\x08abcdefgh", []),
}


@pytest.mark.parametrize(("rcode", "options", "told"), SAID.values(), ids=SAID)
def test_a_client_is_told_what_the_upstream_said(
    rcode: int, options: bytes, told: list[tuple[int, str]]
) -> None:
    data = header(0x8180 | rcode, more=1) + QUESTION + opt(False, options)
    kept = relay(data)
    for dnssec in (False, True):
        read = dns.message.from_wire(kept.render(ask(dnssec=dnssec), 5))
        assert read.rcode() == rcode and errors(read) == told
        assert bool(read.ednsflags & dns.flags.DO) == dnssec
    assert dns.message.from_wire(kept.render(ask(edns=False), 0)).edns == -1


def test_a_failure_of_our_own_is_not_put_down_to_an_upstream() -> None:
    walked = walk(header(0x8182) + QUESTION)
    assert errors(dns.message.from_wire(Relay(walked, 0.0, PLAIN_OPT).render(ask(), 0))) == []


def test_reasons_weigh_something() -> None:
    assert relay(header(0x8182) + QUESTION).octets > relay(header(0x8180) + QUESTION).octets


# TTLs within bounds

BOUNDED = [((0, TTL_CAP), 60), ((90, 3600), 90), ((0, 30), 30), ((60, 60), 60), ((90, 30), 30)]


@pytest.mark.parametrize(("ttls", "seconds"), BOUNDED)
def test_clients_are_told_the_ttl_that_is_kept(ttls: tuple[int, int], seconds: int) -> None:
    kept = Relay(walk(ANSWER), 0.0, ttls=ttls)
    assert kept.lifetime == seconds
    for age in (0, 10):
        assert dns.message.from_wire(kept.render(ask(), age)).answer[0].ttl == seconds - age


# Kept in a file


@given(responses(), st.integers(0, 1000), st.booleans())
def test_an_answer_comes_back_from_a_file_as_it_was(
    message: dns.message.Message, age: int, dnssec: bool
) -> None:
    kept = relay(message.to_wire(max_size=65_535))
    question = message.question[0]
    query = query_of(make_query(NAME, dns.rdatatype.to_text(question.rdtype), dnssec=dnssec))
    again = Relay.unpack(kept.pack(), query.folded + query.question[-4:], 7.0)
    assert again.render(query, age) == kept.render(query, age)
    assert (again.lifetime, again.targets, again.private) == (kept.lifetime, kept.targets, kept.private)
    assert (again.negative, again.octets, again.stored) == (kept.negative, kept.octets, 7.0)
    assert again.pack() == kept.pack()


@pytest.mark.parametrize("cut", range(len(ANSWER) - len(QUESTION)))
def test_a_damaged_file_gives_no_answer(cut: int) -> None:
    with pytest.raises(WireError):
        Relay.unpack(relay(ANSWER).pack()[:cut], QUESTION, 0.0)


# What we ask


@given(queries(), st.integers(0, 0xFFFF), st.booleans())
def test_only_the_question_travels(message: dns.message.Message, number: int, with_edns: bool) -> None:
    """Built anew: RD set, AD clear, CD and DO as asked, no option and no client subnet (RFC 7871 11.1)."""
    query = query_of(message)
    sent = dns.message.from_wire(upstream_query(query, number, with_edns))
    assert sent.id == number and sent.question == message.question
    assert sent.flags == dns.flags.RD | (message.flags & dns.flags.CD)
    assert not sent.answer + sent.authority + sent.additional + list(sent.options)
    assert sent.edns == (0 if with_edns else -1)
    if with_edns:
        assert sent.payload == 1232 and bool(sent.ednsflags & dns.flags.DO) == query.dnssec


def test_hidden_octets_do_not_travel() -> None:
    """A13: what stands behind the question, in records or after them, is not sent on."""
    hidden = b"\x06hidden\0"
    data = header(0x0100, more=1) + QUESTION + record(250, hidden) + hidden
    query = parse_query(data)
    assert isinstance(query, Query) and b"hidden" not in upstream_query(query, 1)


def test_the_clients_case_travels() -> None:
    assert b"\x03wWw\x07eXample\x03oRg\0" in upstream_query(ask(), 1)


# What rules ask of an answer, and what rules answer


@given(responses())
def test_addresses_are_those_of_the_answer_section(message: dns.message.Message) -> None:
    """And those that SVCB and HTTPS records hint at (RFC 9460 7.3)."""
    data = message.to_wire(max_size=65_535)
    expected: list[bytes] = []
    for one in relayed(data).answer:
        if one.rtype in (1, 28):
            expected.append(one.rdata.to_wire())
        elif one.rtype in (64, 65):
            hints = [one.rdata.params[key].addresses for key in (4, 6) if key in one.rdata.params]
            expected += [ipaddress.ip_address(text).packed for texts in hints for text in texts]
    assert list(relay(data).addresses()) == expected


@pytest.mark.parametrize(("rtype", "length"), [(1, 3), (1, 5), (1, 16), (28, 4), (28, 15), (66, 4), (1, 0)])
def test_what_is_no_address_is_none(rtype: int, length: int) -> None:
    data = header(answer=2) + QUESTION + record(rtype, b"\1" * length) + A
    assert relay(data).addresses() == (b"\xc0\0\x02\x01",)


@pytest.mark.parametrize(("edns", "dnssec"), [(False, False), (True, False), (True, True)])
def test_an_answer_of_a_rule_says_so_in_its_opt(edns: bool, dnssec: bool) -> None:
    opts = (opt(False, extended_error(4, "plain")), opt(True, extended_error(4, "signed")))
    octets = Relay(walk(ANSWER), 0.0, opts).render(ask(edns=edns, dnssec=dnssec), 0)
    read = dns.message.from_wire(octets)
    assert errors(read) == ([(4, "signed" if dnssec else "plain")] if edns else [])
    assert bool(read.ednsflags & dns.flags.DO) == dnssec
