"""What rules answer, read back by dnspython: a table of answers, and where they lead.

Invariants: a reply echoes the question, has an OPT exactly when one was sent, AA and AD clear; no CNAME
leads back to the qname; whatever a compiled list holds, nothing raises.
"""

from __future__ import annotations

from typing import NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.blocking import BlockAnswers
from resolver.dns.names import from_text
from resolver.dns.query import Query, parse_query
from resolver.dns.rdata import from_words
from resolver.dns.records import TTL_CAP
from resolver.policy.decide import ALLOW, ANSWERED, BLOCK, LEFT_ALONE, NONE, Ruling
from resolver.policy.replies import MAX_OCTETS, cname_of, compose, follow, forge, settled
from resolver.rules.model import ALLOWED
from resolver.rules.side import Answer, Record
from tests.support.client import make_query
from tests.support.messages import queries

NAME = "wWw.eXample.oRg"
FOLDED = from_text("www.example.org")
TTL = 10


def rr(text: str) -> Record:
    """`A 192.0.2.1` as a rule has it."""
    kind, *words = text.split()
    rtype = registry.type_number(kind)
    assert rtype is not None
    rdata = from_words(rtype, words)
    assert rdata is not None
    return Record(rtype, rdata)


def answer(*texts: str, ttl: int = 0) -> Answer:
    return Answer(records=tuple(rr(text) for text in texts), ttl=ttl)


def query_of(qtype: str = "A", edns: bool = True, **options: bool) -> Query:
    query = parse_query(make_query(NAME, qtype, edns=edns, number=7, **options).to_wire())  # type: ignore[arg-type]
    assert isinstance(query, Query)
    return query


def held(message: dns.message.Message) -> list[str]:
    """The answer section as `TYPE DATA`."""
    return [f"{dns.rdatatype.to_text(rrset.rdtype)} {one}" for rrset in message.answer for one in rrset]


def errors(message: dns.message.Message) -> list[int]:
    return [int(one.code) for one in message.options if isinstance(one, dns.edns.EDEOption)]


# Answers that need nobody else


class Case(NamedTuple):
    answer: Answer
    qtype: str
    rcode: str
    found: list[str]
    error: int
    soa: bool = False


BOTH = answer("A 192.0.2.80", "A 192.0.2.81", "AAAA 2001:db8::80")
CASES = [
    Case(BOTH, "A", "NOERROR", ["A 192.0.2.80", "A 192.0.2.81"], 4),
    Case(BOTH, "AAAA", "NOERROR", ["AAAA 2001:db8::80"], 4),
    Case(BOTH, "ANY", "NOERROR", ["A 192.0.2.80", "A 192.0.2.81", "AAAA 2001:db8::80"], 4),
    Case(BOTH, "HTTPS", "NOERROR", [], 4, soa=True),
    Case(BOTH, "TYPE65280", "NOERROR", [], 4, soa=True),
    Case(answer("MX 10 mx.example.net"), "MX", "NOERROR", ["MX 10 mx.example.net."], 4),
    Case(answer("TXT hello"), "TXT", "NOERROR", ['TXT "hello"'], 4),
    Case(answer("CNAME x.example.net", "A 192.0.2.1"), "CNAME", "NOERROR", ["CNAME x.example.net."], 4),
    Case(answer("CNAME x.example.net"), "ANY", "NOERROR", ["CNAME x.example.net."], 4),
    Case(Answer(), "A", "NOERROR", [], 15, soa=True),
    Case(Answer(), "ANY", "NOERROR", [], 15, soa=True),
    Case(Answer(rcode=3), "A", "NXDOMAIN", [], 15, soa=True),
    Case(Answer(rcode=2), "A", "SERVFAIL", [], 15),
    Case(Answer(rcode=5), "MX", "REFUSED", [], 15),
    Case(Answer(rcode=1), "A", "FORMERR", [], 15),
    # An rcode above 15 would need an OPT that not every client sends.
    Case(Answer(rcode=16), "A", "SERVFAIL", [], 15),
    # An rcode leaves no room for records.
    Case(Answer(rcode=3, records=BOTH.records), "A", "NXDOMAIN", [], 15, soa=True),
    Case(Answer(records=(Record(16, b"\1x" * 30_001),)), "TXT", "SERVFAIL", [], 24),
]


@pytest.mark.parametrize(("edns", "dnssec"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("case", CASES, ids=[f"{number} {c.qtype}" for number, c in enumerate(CASES)])
def test_an_answer_of_a_rule(case: Case, edns: bool, dnssec: bool) -> None:
    query = query_of(case.qtype, edns, dnssec=dnssec)
    relay = forge(query, case.answer, TTL, 5.0)
    read = dns.message.from_wire(relay.render(query, 0))
    assert (dns.rcode.to_text(read.rcode()), held(read)) == (case.rcode, case.found)
    assert errors(read) == ([case.error] if edns else [])
    assert (read.edns >= 0) == edns and bool(read.ednsflags & dns.flags.DO) == dnssec
    assert not read.flags & (dns.flags.AA | dns.flags.AD | dns.flags.TC) and read.flags & dns.flags.RA
    assert [(rrset.name, rrset.ttl) for rrset in read.authority] == (
        [(read.question[0].name, TTL)] if case.soa else []
    )
    assert relay.lifetime == (TTL if case.soa or case.found else 0) and relay.stored == 5.0


@pytest.mark.parametrize("case", CASES, ids=[f"{number} {c.qtype}" for number, c in enumerate(CASES)])
def test_what_is_said_of_a_name_that_is_denied(case: Case) -> None:
    """Given with what the policy says of blocks; other answers have nothing to do with it."""
    query = query_of(case.qtype)
    why = BlockAnswers("null", 10, reason=(registry.EDE_PROHIBITED, "by the school")).opts(query)
    read = dns.message.from_wire(forge(query, case.answer, TTL, 0.0, blocked=why).render(query, 0))
    assert errors(read) == [18 if case.error == 15 else case.error]


@pytest.mark.parametrize(
    ("own", "policy", "ttl"), [(0, 10, 10), (300, 10, 300), (0, 0, 0), (1 << 40, 10, TTL_CAP)]
)
def test_seconds_are_the_rules_or_the_policys(own: int, policy: int, ttl: int) -> None:
    for texts in (("A 192.0.2.1",), ("CNAME x.example.net",), ()):
        relay = forge(query_of(), answer(*texts, ttl=own), policy, 0.0)
        read = dns.message.from_wire(relay.render(query_of(), 0))
        assert {rrset.ttl for rrset in read.answer + read.authority} == {ttl} == {relay.lifetime}


def test_it_counts_down_like_any_answer() -> None:
    relay = forge(query_of(), answer("A 192.0.2.1", ttl=60), TTL, 0.0)
    assert dns.message.from_wire(relay.render(query_of(), 25)).answer[0].ttl == 35


@given(queries(), st.sampled_from([answer("A 192.0.2.1"), answer("CNAME x.example.net"), Answer(rcode=3)]))
def test_any_question_gets_a_reply_to_it(message: dns.message.Message, ours: Answer) -> None:
    query = parse_query(message.to_wire())
    assert isinstance(query, Query)
    octets = forge(query, ours, TTL, 0.0).render(query, 0)
    assert octets[12 : 12 + len(query.question)] == query.question
    assert message.is_response(dns.message.from_wire(octets))


# What a ruling comes to


LONG = from_text(".".join(["x" * 63] * 3 + ["y" * 60]))
GARDEN = Record(5, b"\x01*" + from_text("garden.example.net"))


def ruled(ours: Answer, common: bool = True) -> Ruling:
    return Ruling(ANSWERED, ours, common)


@pytest.mark.parametrize("ruling", [LEFT_ALONE, BLOCK, ALLOW, ruled(BOTH), ruled(Answer(silent=True))])
@pytest.mark.parametrize("udp", [True, False])
def test_most_rulings_are_what_they_are(ruling: Ruling, udp: bool) -> None:
    assert settled(ruling, FOLDED, udp) is ruling


@pytest.mark.parametrize("common", [True, False])
def test_tcp_only_is_no_rule_over_tcp(common: bool) -> None:
    ruling = ruled(Answer(by_tcp=True), common)
    assert settled(ruling, FOLDED, True) is ruling
    assert settled(ruling, FOLDED, False) == Ruling(NONE, None, common)


@pytest.mark.parametrize("common", [True, False])
def test_a_name_led_to_itself_is_let_through(common: bool) -> None:
    ours = answer("CNAME www.example.org")
    assert settled(ruled(ours, common), FOLDED, True) == Ruling(ALLOWED, None, common)
    assert settled(ruled(ours, common), from_text("example.org"), True).answer == ours


def test_the_qname_takes_the_place_of_the_star() -> None:
    found = settled(ruled(Answer(records=(GARDEN,), ttl=77)), FOLDED, True).answer
    assert found == answer("CNAME www.example.org.garden.example.net", ttl=77)
    root = settled(ruled(Answer(records=(GARDEN,))), b"\0", True).answer
    assert root == answer("CNAME garden.example.net")


@pytest.mark.parametrize(
    "target", [b"\x01*" + from_text("garden.example.net"), b"\x05abc\0", b"", b"\xc0\x0c"]
)
def test_a_target_that_is_no_name_does_not_exist(target: bytes) -> None:
    found = settled(ruled(Answer(records=(Record(5, target),))), LONG, True)
    assert found == ruled(Answer(rcode=registry.NXDOMAIN))


# Where an answer leads

LED = answer("CNAME safe.example.net")
TARGET = from_text("safe.example.net")


def test_the_target_is_asked_as_the_client_asked() -> None:
    query = query_of("AAAA", dnssec=True, cd=True)
    led = follow(LED, query)
    assert led is not None
    assert led.cache_key == (TARGET, 28, 1, query.cache_key[3]) and led.question == TARGET + b"\0\x1c\0\1"
    assert led.size == 0, "without OPT: the reply is taken apart"


@pytest.mark.parametrize("qtype", ["CNAME", "ANY", "AXFR", "IXFR", "TKEY", "TSIG"])
def test_types_that_lead_nowhere(qtype: str) -> None:
    assert follow(LED, query_of(qtype)) is None


def test_what_else_leads_nowhere() -> None:
    assert (
        follow(BOTH, query_of()) is None and follow(Answer(rcode=3, records=LED.records), query_of()) is None
    )
    assert follow(LED, query_of(rd=False)) is None
    other = query_of()
    other.qclass = registry.CLASS_CHAOS
    assert follow(LED, other) is None
    assert cname_of(LED) == TARGET and cname_of(BOTH) is None


def response(*records: str, qtype: str = "A", rcode: str = "NOERROR", soa: bool = False) -> bytes:
    """What an upstream says of the target."""
    made = dns.message.make_response(dns.message.make_query("safe.example.net", qtype))
    made.set_rcode(dns.rcode.from_text(rcode))
    for text in records:
        owner, ttl, kind, rest = text.split(" ", 3)
        made.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, rest))
    if soa:
        made.authority.append(
            dns.rrset.from_text("example.net.", 30, "IN", "SOA", "ns.example.net. h.example.net. 1 2 3 4 60")
        )
        made.authority.append(dns.rrset.from_text("example.net.", 30, "IN", "NS", "ns.example.net."))
    return made.to_wire()


def composed(reply: bytes, qtype: str = "A", ttl: int = TTL) -> dns.message.Message:
    query = query_of(qtype)
    relay = compose(query, LED, ttl, reply, 0.0)
    assert relay is not None and not relay.targets
    return dns.message.from_wire(relay.render(query, 0), one_rr_per_rrset=True)


def test_the_target_stands_behind_the_cname() -> None:
    read = composed(response("safe.example.net. 60 A 192.0.2.1", "safe.example.net. 60 A 192.0.2.2"))
    assert [rrset.to_text() for rrset in read.answer] == [
        f"{NAME}. 10 IN CNAME safe.example.net.",
        "safe.example.net. 60 IN A 192.0.2.1",
        "safe.example.net. 60 IN A 192.0.2.2",
    ]
    assert errors(read) == [4] and not read.flags & dns.flags.AD


def test_who_asks_for_structured_errors_is_not_told_of_a_forged_answer() -> None:
    """draft-ietf-dnsop-structured-dns-error; of what is blocked it is told like everybody."""
    message = make_query(NAME, "A")
    message.use_edns(0, options=[dns.edns.GenericOption(dns.edns.OptionType.make(26), b"")])
    query = parse_query(message.to_wire())
    assert isinstance(query, Query)
    relays = [forge(query, one, TTL, 0.0) for one in (BOTH, answer("TXT x"), Answer(rcode=3))]
    relays.append(compose(query, LED, TTL, response("safe.example.net. 60 A 192.0.2.1"), 0.0) or relays[0])
    found = [dns.message.from_wire(relay.render(query, 0)) for relay in relays]
    assert [errors(one) for one in found] == [[], [], [15], []]
    assert all(one.edns == 0 for one in found) and len(found[3].answer) == 2


def test_a_chain_behind_the_target_is_kept() -> None:
    read = composed(response("safe.example.net. 9 CNAME a.b.example.net.", "a.b.example.net. 9 A 192.0.2.1"))
    assert held(read) == ["CNAME safe.example.net.", "CNAME a.b.example.net.", "A 192.0.2.1"]
    assert [str(rrset.name) for rrset in read.answer][1:] == ["safe.example.net.", "a.b.example.net."]


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
def test_a_target_with_nothing(rcode: str) -> None:
    """RFC 6604 3: the rcode is that of the end of the chain; the SOA says how long it holds."""
    read = composed(response(rcode=rcode, soa=True))
    assert (dns.rcode.to_text(read.rcode()), held(read)) == (rcode, ["CNAME safe.example.net."])
    assert [(str(one.name), one.rdtype, one.ttl) for one in read.authority] == [("example.net.", 6, 30)]


def test_it_lives_as_long_as_its_shortest_record() -> None:
    for ttl, lifetime in ((10, 10), (600, 60), (0, 0)):
        relay = compose(query_of(), LED, ttl, response("safe.example.net. 60 A 192.0.2.1"), 0.0)
        assert relay is not None and relay.lifetime == lifetime


UNRESOLVED = {
    "a failure": response(rcode="SERVFAIL"),
    "a refusal": response(rcode="REFUSED"),
    "a chain that comes back": response(
        "safe.example.net. 9 CNAME WWW.example.org.", "www.example.org. 9 A 192.0.2.1"
    ),
    "too many records": response(*(f"safe.example.net. 9 A 192.0.2.{n}" for n in range(1, 60))),
    "half a message": response("safe.example.net. 60 A 192.0.2.1")[:-1],
}  # fmt: skip


@pytest.mark.parametrize("reply", UNRESOLVED.values(), ids=UNRESOLVED)
def test_a_target_that_cannot_be_resolved(reply: bytes) -> None:
    assert compose(query_of(), LED, TTL, reply, 0.0) is None


def test_more_than_fits_is_no_answer() -> None:
    head = response()[:6] + b"\0\2\0\0\0\0" + TARGET + b"\0\x10\0\1"
    half = b"\xc0\x0c\0\x10\0\1\0\0\0\x09" + (MAX_OCTETS // 2).to_bytes(2, "big") + b"\1x" * (MAX_OCTETS // 4)
    assert compose(query_of("TXT"), LED, TTL, head + half * 2, 0.0) is None


@given(st.binary(max_size=200))
def test_no_octets_raise(tail: bytes) -> None:
    compose(query_of(), LED, TTL, response()[:6] + b"\0\2\0\1\0\0" + TARGET + b"\0\1\0\1" + tail, 0.0)
