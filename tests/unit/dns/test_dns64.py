"""DNS64: the addresses that are made, against the table of RFC 6052 and against dnspython."""

from __future__ import annotations

import ipaddress

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.reversename
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.answers import Relay
from resolver.dns.dns64 import LENGTHS, NO_SOA_SECONDS, WELL_KNOWN, Prefix64
from resolver.dns.query import Query, parse_query
from resolver.dns.records import walk
from tests.support.client import make_query, rdatas

OWN = "2001:db8:64::/96"

# RFC 6052 2.4: 192.0.2.33 in prefixes of every length.
EMBEDDED = {
    "2001:db8::/32": "2001:db8:c000:221::",
    "2001:db8:100::/40": "2001:db8:1c0:2:21::",
    "2001:db8:122::/48": "2001:db8:122:c000:2:2100::",
    "2001:db8:122:300::/56": "2001:db8:122:3c0:0:221::",
    "2001:db8:122:344::/64": "2001:db8:122:344:c0:2:2100::",
    "2001:db8:122:344::/96": "2001:db8:122:344::192.0.2.33",
    "64:ff9b::/96": "64:ff9b::192.0.2.33",
}


def packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def asked(name: str = "www.example.org", qtype: str = "AAAA", qclass: str = "IN", **flags: bool) -> Query:
    message = make_query(name, qtype, qclass=qclass)
    message.want_dnssec(flags.get("do", False))
    message.flags |= dns.flags.CD if flags.get("cd") else 0
    query = parse_query(message.to_wire())
    assert isinstance(query, Query)
    return query


def replied(query: Query, *lines: str, rcode: int = 0) -> bytes:
    """What an upstream says to this question: records as `name ttl type rdata`."""
    message = dns.message.make_response(dns.message.from_wire(_message(query)))
    message.set_rcode(rcode)  # type: ignore[arg-type] # dnspython takes numbers
    for line in lines:
        owner, ttl, rtype, rdata = line.split(None, 3)
        message.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", rtype, rdata))
    return message.to_wire()


def _message(query: Query) -> bytes:
    return b"\0\1\1\0\0\1" + bytes(6) + query.question


def made(prefix: str, *lines: str, seconds: int = NO_SOA_SECONDS) -> dns.message.Message | None:
    """The answer to a question for IPv6 addresses whose A answer holds these records."""
    translator, query = Prefix64(prefix), asked()
    relay = translator.synthesise(query, replied(translator.question(query), *lines), 0.0, seconds)
    return None if relay is None else dns.message.from_wire(relay.render(query, 0))


@pytest.mark.parametrize(("prefix", "address"), EMBEDDED.items())
def test_table_of_the_rfc(prefix: str, address: str) -> None:
    translator = Prefix64(prefix)
    assert translator.embed(packed("192.0.2.33")) == packed(address)
    assert translator.extract(packed(address)) == packed("192.0.2.33")


def test_every_length_is_there() -> None:
    assert {int(prefix.partition("/")[2]) for prefix in EMBEDDED} == set(LENGTHS)


@given(st.sampled_from(sorted(EMBEDDED)), st.binary(min_size=4, max_size=4))
def test_what_is_embedded_comes_out_again(prefix: str, address: bytes) -> None:
    translator = Prefix64(prefix)
    made = translator.embed(address)
    assert made[8] == 0 and ipaddress.ip_address(made) in ipaddress.ip_network(prefix)
    assert translator.extract(made) == address


@given(st.sampled_from(sorted(EMBEDDED)), st.binary(min_size=16, max_size=16))
def test_nothing_comes_out_of_other_addresses(prefix: str, address: bytes) -> None:
    translator = Prefix64(prefix)
    found = translator.extract(address)
    assert found is None or translator.embed(found) == address


@pytest.mark.parametrize(
    "text", ["2001:db8::/33", "2001:db8::/128", "x", "2001:db8:0:0:100::/96", "192.0.2.0/24"]
)
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Prefix64(text)


WANTED = {
    "IPv6 addresses": (asked(), True),
    "with DO": (asked(do=True), True),
    "with CD": (asked(cd=True), True),
    "with DO and CD (RFC 6147 5.5)": (asked(do=True, cd=True), False),
    "IPv4 addresses": (asked(qtype="A"), False),
    "everything": (asked(qtype="ANY"), False),
    "another class": (asked(qclass="CH"), False),
}


@pytest.mark.parametrize(("query", "wanted"), WANTED.values(), ids=WANTED)
def test_which_questions(query: Query, wanted: bool) -> None:
    assert Prefix64(OWN).wants(query) == wanted


# What came of the question for IPv6 addresses, and whether they are made then.
LACKING = {
    "nothing of that type": ((0, ()), True),
    "an alias that leads to nothing": ((0, ("www.example.org. 60 CNAME a.example.",)), True),
    "an address": ((0, ("www.example.org. 60 AAAA 2001:db8::1",)), False),
    "only an IPv4 address in disguise": ((0, ("www.example.org. 60 AAAA ::ffff:192.0.2.1",)), True),
    "one in disguise, one real": (
        (0, ("www.example.org. 60 AAAA ::ffff:192.0.2.1", "www.example.org. 60 AAAA 2001:db8::1")),
        False,
    ),
    "no such name": ((3, ()), False),
    "a failure": ((2, ()), True),
    "a refusal": ((5, ()), True),
    "not known there": ((4, ()), True),
}


@pytest.mark.parametrize(("said", "expected"), LACKING.values(), ids=LACKING)
def test_which_answers(said: tuple[int, tuple[str, ...]], expected: bool) -> None:
    rcode, lines = said
    relay = Relay(walk(replied(asked(), *lines, rcode=rcode)), 0.0)
    assert Prefix64(OWN).lacks(relay) == expected


def test_silence_calls_for_them_too() -> None:
    assert Prefix64(OWN).lacks(None)


def test_the_other_question() -> None:
    query = asked("WwW.example.org", do=True)
    other = Prefix64(OWN).question(query)
    assert other.question == query.question[:-4] + b"\0\1\0\1" and other.folded == query.folded
    assert (other.qtype, other.qclass, other.dnssec) == (registry.A, registry.CLASS_IN, True)
    assert other.cache_key == asked("www.example.org", "A", do=True).cache_key


def test_addresses_are_made() -> None:
    answer = made(OWN, "www.example.org. 300 A 192.0.2.1", "www.example.org. 300 A 192.0.2.2")
    assert answer is not None and answer.rcode() == 0 and not answer.authority
    assert rdatas(answer, "AAAA") == {"2001:db8:64::c000:201", "2001:db8:64::c000:202"}
    assert {rrset.rdtype for rrset in answer.answer} == {dns.rdatatype.AAAA}
    assert not answer.flags & dns.flags.AD
    assert [option.to_text() for option in answer.options] == [
        "EDE 29 (Synthesized): made from IPv4 addresses (DNS64)"
    ]


def test_aliases_are_kept_with_their_names() -> None:
    answer = made(
        OWN,
        "www.example.org. 60 CNAME A.example.net.",
        "A.example.net. 90 CNAME b.example.net.",
        "b.example.net. 300 A 192.0.2.1",
    )
    assert answer is not None
    assert [rrset.to_text() for rrset in answer.answer] == [
        "www.example.org. 60 IN CNAME A.example.net.",
        "A.example.net. 90 IN CNAME b.example.net.",
        "b.example.net. 300 IN AAAA 2001:db8:64::c000:201",
    ]


def test_where_it_leads_is_there_to_be_judged() -> None:
    translator, query = Prefix64(OWN), asked()
    reply = replied(
        translator.question(query), "www.example.org. 9 CNAME a.example.", "a.example. 9 A 192.0.2.1"
    )
    relay = translator.synthesise(query, reply, 5.0)
    assert relay is not None and relay.targets == (b"\1a\7example\0",)
    assert relay.stored == 5.0 and relay.lifetime == 9 and not relay.negative


@pytest.mark.parametrize(
    ("ttl", "seconds", "expected"), [(300, 600, 300), (9000, 600, 600), (300, 60, 60), (0, 60, 0)]
)
def test_no_longer_than_there_are_none(ttl: int, seconds: int, expected: int) -> None:
    """RFC 6147 5.1.7: the TTL of the address, or how long the answer without any holds."""
    answer = made(OWN, f"www.example.org. {ttl} A 192.0.2.1", seconds=seconds)
    assert answer is not None and answer.answer[0].ttl == expected


def test_signatures_are_left_behind() -> None:
    signature = "A 8 3 300 20300101000000 20200101000000 1 example.org. AAAA"
    answer = made(OWN, "www.example.org. 300 A 192.0.2.1", f"www.example.org. 300 RRSIG {signature}")
    assert answer is not None and [rrset.rdtype for rrset in answer.answer] == [dns.rdatatype.AAAA]


@pytest.mark.parametrize(
    "address",
    "10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 127.0.0.1 169.254.1.1 100.64.0.1 0.0.0.0 224.0.0.1 "
    "255.255.255.255 198.19.0.1 192.0.0.8".split(),
)
def test_addresses_of_nobody_have_no_place_in_the_well_known_prefix(address: str) -> None:
    """RFC 6052 3.1; a prefix of one's own may embed them, and the addresses stay private ones."""
    line = f"www.example.org. 300 A {address}"
    assert made(WELL_KNOWN, line) is None
    assert made(OWN, line) is not None
    answer = made(WELL_KNOWN, line, "www.example.org. 300 A 192.0.2.1")
    assert answer is not None and rdatas(answer, "AAAA") == {"64:ff9b::c000:201"}


@pytest.mark.parametrize(
    "address", ["172.15.0.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.255"]
)
def test_their_neighbours_do(address: str) -> None:
    assert made(WELL_KNOWN, f"www.example.org. 300 A {address}") is not None


def test_a_private_address_stays_one() -> None:
    """DNS rebinding by way of the translator."""
    translator, query = Prefix64(OWN), asked()
    for address, expected in (("192.168.1.1", True), ("192.0.2.1", False)):
        reply = replied(translator.question(query), f"www.example.org. 300 A {address}")
        relay = translator.synthesise(query, reply, 0.0)
        assert relay is not None and relay.private == (walk(reply).private or expected)


@pytest.mark.parametrize("rcode", [2, 3, 5])
def test_nothing_is_made_of_a_failure(rcode: int) -> None:
    translator, query = Prefix64(OWN), asked()
    reply = replied(translator.question(query), "www.example.org. 300 A 192.0.2.1", rcode=rcode)
    assert translator.synthesise(query, reply, 0.0) is None


def test_nothing_is_made_of_nothing() -> None:
    assert made(OWN) is None
    assert made(OWN, "www.example.org. 300 CNAME a.example.") is None


@given(st.binary(max_size=200))
def test_any_octets_can_come(octets: bytes) -> None:
    assert Prefix64(OWN).synthesise(asked(), octets, 0.0) is None


def reverse_of(address: str) -> str:
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


@pytest.mark.parametrize(("prefix", "address"), EMBEDDED.items())
def test_the_name_of_an_embedded_address(prefix: str, address: str) -> None:
    """RFC 6147 5.3.1: it is that of the address that it stands for."""
    found = Prefix64(prefix).reverse(asked(reverse_of(address).upper(), "PTR", do=True))
    assert found is not None and found.dnssec
    assert found.cache_key == asked(reverse_of("192.0.2.33"), "PTR", do=True).cache_key
    assert found.question == found.folded + b"\0\x0c\0\1"


def test_the_well_known_prefix_counts_beside_ones_own() -> None:
    assert Prefix64(OWN).reverse(asked(reverse_of("64:ff9b::192.0.2.1"), "PTR")) is not None


@pytest.mark.parametrize(
    "query",
    [
        asked(reverse_of("2001:db8:64::192.0.2.1"), "AAAA"),
        asked(reverse_of("2001:db8:64::192.0.2.1"), "PTR", "CH"),
        asked(reverse_of("2001:db8:65::192.0.2.1"), "PTR"),
        asked("x." + reverse_of("2001:db8:64::192.0.2.1"), "PTR"),
        asked(reverse_of("2001:db8:64::192.0.2.1")[2:], "PTR"),
        asked(reverse_of("2001:db8:64::192.0.2.1").replace("4", "g", 1), "PTR"),
        asked("1.2.0.192.in-addr.arpa", "PTR"),
        asked("www.example.org", "PTR"),
    ],
    ids=lambda query: query.folded.decode("latin-1")[:20],
)
def test_no_embedded_address(query: Query) -> None:
    assert Prefix64(OWN).reverse(query) is None


@pytest.mark.parametrize("prefix", [*EMBEDDED, OWN])
def test_a_client_finds_the_prefix_out(prefix: str) -> None:
    """RFC 7050 3: both known addresses, embedded."""
    translator, query = Prefix64(prefix), asked("IPv4Only.arpa")
    octets = translator.discovery(query)
    assert octets is not None
    answer = dns.message.from_wire(octets)
    assert len(answer.options) == 1
    assert {translator.extract(packed(text)) for text in rdatas(answer, "AAAA")} == {
        packed("192.0.0.170"),
        packed("192.0.0.171"),
    }


@pytest.mark.parametrize(
    "query",
    [
        asked("ipv4only.arpa", "A"),
        asked("a.ipv4only.arpa"),
        asked("example.org"),
        asked("ipv4only.arpa", do=True, cd=True),
    ],
)
def test_what_is_no_discovery(query: Query) -> None:
    assert Prefix64(OWN).discovery(query) is None
