"""Special-use names: the whole table, asked in every way; and the neighbours that are ordinary."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.reversename
import pytest
from hypothesis import given

from resolver.dns import registry, special
from resolver.dns.query import Query, parse_query
from tests.support.client import make_query, rdatas
from tests.support.messages import QUESTION, header, queries

TYPES = ("A", "AAAA", "ANY", "HTTPS", "MX", "NS", "SOA", "TXT", "DS", "PTR", "TYPE65280")


def reply_to(message: dns.message.Message) -> dns.message.Message | None:
    """What is answered here, or None for what may travel."""
    query = parse_query(message.to_wire())
    assert isinstance(query, Query)
    octets = special.answer(query)
    if octets is None:
        return None
    reply = dns.message.from_wire(octets)
    assert message.is_response(reply) and not reply.flags & (dns.flags.AA | dns.flags.AD)
    assert len(octets) <= query.udp_limit
    return reply


def ask(name: str, qtype: str = "A", qclass: str = "IN") -> dns.message.Message | None:
    return reply_to(make_query(name, qtype, qclass=qclass))


def stays(name: str, qtype: str = "A", qclass: str = "IN") -> dns.message.Message:
    reply = ask(name, qtype, qclass)
    assert reply is not None, f"{name} {qtype} must not leave"
    return reply


def soa_owner(reply: dns.message.Message) -> str:
    """The owner of the SOA that every negative answer has (RFC 2308 3)."""
    (rrset,) = reply.authority
    assert rrset.rdtype == 6 and rrset.ttl == rrset[0].minimum == 10_800 and not reply.answer
    return rrset.name.to_text(omit_final_dot=True)


# Names that do not exist, they and all below.
NOWHERE = {
    "test": "RFC 6761 6.2",
    "invalid": "RFC 6761 6.4",
    "local": "RFC 6762 22.1",
    "onion": "RFC 7686 2",
    "alt": "RFC 9476 2",
    "6tisch.arpa": "RFC 9031 11",
    "eap-noob.arpa": "RFC 9140 5.6",
}


@pytest.mark.parametrize("qtype", TYPES)
@pytest.mark.parametrize("zone", NOWHERE)
def test_what_exists_nowhere(zone: str, qtype: str) -> None:
    for name in (zone, f"a.{zone}", f"A.b.{zone.upper()}", f"_x.{'y' * 63}.{zone}"):
        reply = stays(name, qtype)
        assert reply.rcode() == dns.rcode.NXDOMAIN and soa_owner(reply).lower() == zone


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "a.localhost", "a.b.localhost"])
def test_localhost_is_this_machine(name: str) -> None:
    """RFC 6761 6.3: addresses of loopback, and no data for every other type."""
    assert rdatas(stays(name, "A")) == {"127.0.0.1"}
    assert rdatas(stays(name, "AAAA"), "AAAA") == {"::1"}
    every = stays(name, "ANY")
    assert rdatas(every) | rdatas(every, "AAAA") == {"127.0.0.1", "::1"}
    for qtype in ("HTTPS", "MX", "TXT", "NS", "SOA", "DS"):
        reply = stays(name, qtype)
        assert reply.rcode() == dns.rcode.NOERROR and soa_owner(reply).lower() == "localhost"


def test_ipv4only_has_two_addresses() -> None:
    """RFC 8880 7: known A records, no AAAA (we synthesise none), no subdomains."""
    assert (
        rdatas(stays("ipv4only.arpa"))
        == {"192.0.0.170", "192.0.0.171"}
        == rdatas(stays("IPv4only.ARPA", "ANY"))
    )
    for qtype in ("AAAA", "HTTPS", "MX"):
        reply = stays("ipv4only.arpa", qtype)
        assert reply.rcode() == dns.rcode.NOERROR and soa_owner(reply) == "ipv4only.arpa"
    below = stays("a.ipv4only.arpa")
    assert below.rcode() == dns.rcode.NXDOMAIN and soa_owner(below) == "ipv4only.arpa"


@pytest.mark.parametrize("name", ["resolver.arpa", "_dns.resolver.arpa", "a.b.RESOLVER.arpa"])
@pytest.mark.parametrize("qtype", ["SVCB", "A", "TXT"])
def test_there_is_no_resolver_to_designate(name: str, qtype: str) -> None:
    """RFC 9462 6.4: never forwarded; no data, since we have nothing to designate."""
    reply = stays(name, qtype)
    assert reply.rcode() == dns.rcode.NOERROR and soa_owner(reply).lower() == "resolver.arpa"


# Zones that are empty here: no data at the apex, nothing below (RFC 6303 3).
ADDRESSES = {
    # RFC 6761 6.1 (RFC 1918)
    "10.1.2.3": "10.in-addr.arpa",
    "172.16.0.1": "16.172.in-addr.arpa",
    "172.20.0.1": "20.172.in-addr.arpa",
    "172.31.255.255": "31.172.in-addr.arpa",
    "192.168.1.1": "168.192.in-addr.arpa",
    # RFC 6303 4.2
    "0.1.2.3": "0.in-addr.arpa",
    "127.0.0.1": "127.in-addr.arpa",
    "169.254.1.1": "254.169.in-addr.arpa",
    "192.0.2.1": "2.0.192.in-addr.arpa",
    "198.51.100.1": "100.51.198.in-addr.arpa",
    "203.0.113.1": "113.0.203.in-addr.arpa",
    "255.255.255.255": "255.255.255.255.in-addr.arpa",
    # RFC 6303 4.3 to 4.6
    "::": "0." * 32 + "ip6.arpa",
    "::1": "1." + "0." * 31 + "ip6.arpa",
    "fd00::1": "d.f.ip6.arpa",
    "fe80::1": "8.e.f.ip6.arpa",
    "fe90::1": "9.e.f.ip6.arpa",
    "fea0::1": "a.e.f.ip6.arpa",
    "feb0::1": "b.e.f.ip6.arpa",
    "2001:db8::1": "8.b.d.0.1.0.0.2.ip6.arpa",
}


@pytest.mark.parametrize(("address", "zone"), ADDRESSES.items())
def test_private_addresses_have_no_names(address: str, zone: str) -> None:
    reply = stays(dns.reversename.from_address(address).to_text(), "PTR")
    whole = dns.reversename.from_address(address).to_text(omit_final_dot=True) == zone
    assert reply.rcode() == (dns.rcode.NOERROR if whole else dns.rcode.NXDOMAIN)
    assert soa_owner(reply) == zone


@pytest.mark.parametrize("zone", [*dict.fromkeys(ADDRESSES.values()), "home.arpa", "service.arpa"])
@pytest.mark.parametrize("qtype", [one for one in TYPES if one != "DS"])
def test_empty_zones(zone: str, qtype: str) -> None:
    for name, rcode in ((zone, dns.rcode.NOERROR), (zone.upper(), dns.rcode.NOERROR), (f"x.{zone}", 3)):
        reply = stays(name, qtype)
        assert reply.rcode() == rcode and soa_owner(reply).lower() == zone


# IANA, "Locally-Served DNS Zones", both tables, as of 2025: the whole registry, written out.
LOCALLY_SERVED = [
    *"""10.in-addr.arpa 16.172.in-addr.arpa 17.172.in-addr.arpa 18.172.in-addr.arpa 19.172.in-addr.arpa
    20.172.in-addr.arpa 21.172.in-addr.arpa 22.172.in-addr.arpa 23.172.in-addr.arpa 24.172.in-addr.arpa
    25.172.in-addr.arpa 26.172.in-addr.arpa 27.172.in-addr.arpa 28.172.in-addr.arpa 29.172.in-addr.arpa
    30.172.in-addr.arpa 31.172.in-addr.arpa 168.192.in-addr.arpa 0.in-addr.arpa 127.in-addr.arpa
    254.169.in-addr.arpa 2.0.192.in-addr.arpa 100.51.198.in-addr.arpa 113.0.203.in-addr.arpa
    255.255.255.255.in-addr.arpa""".split(),
    *(f"{number}.100.in-addr.arpa" for number in range(64, 128)),
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    *"d.f.ip6.arpa 8.e.f.ip6.arpa 9.e.f.ip6.arpa a.e.f.ip6.arpa b.e.f.ip6.arpa".split(),
    *"8.b.d.0.1.0.0.2.ip6.arpa home.arpa resolver.arpa service.arpa".split(),
]


@pytest.mark.parametrize("zone", LOCALLY_SERVED)
def test_no_zone_that_is_served_locally_leaves(zone: str) -> None:
    """Nor any name in it, whatever the type; the one exception has a test of its own."""
    for name in (zone, f"1.{zone}", f"_x.b.{zone.upper()}", f"{'y' * 63}.{zone}", rf"\000\255.{zone}"):
        for qtype in TYPES:
            if qtype != "DS" or name != zone:
                stays(name, qtype)


@pytest.mark.parametrize(
    "name", [*NOWHERE, "a.onion", "localhost", "ipv4only.arpa", "a.ipv4only.arpa", *LOCALLY_SERVED[-4:]]
)
def test_every_answer_says_that_it_was_made_here(name: str) -> None:
    for qtype in ("A", "TXT"):
        (option,) = stays(name, qtype).options
        assert isinstance(option, dns.edns.EDEOption) and option.code == 29 and option.text


def test_all_sixteen_of_172() -> None:
    local = [n for n in range(256) if ask(f"1.2.{n}.172.in-addr.arpa", "PTR") is not None]
    assert local == list(range(16, 32))


def test_shared_address_space_of_100() -> None:
    """RFC 7793 3: 64.100.in-addr.arpa to 127.100.in-addr.arpa, for 100.64.0.0/10."""
    local = [n for n in range(256) if ask(f"1.2.{n}.100.in-addr.arpa", "PTR") is not None]
    assert local == list(range(64, 128))


def test_the_proof_about_home_arpa_is_asked_of_the_world() -> None:
    """RFC 8375 4: DS of home.arpa itself passes; below it and for the other zones nothing does."""
    assert ask("home.arpa", "DS") is None and ask("HOME.arpa", "DS") is None
    assert ask("service.arpa", "DS") is None and ask("a.service.arpa", "DS") is not None
    assert soa_owner(stays("a.home.arpa", "DS")) == "home.arpa"
    assert soa_owner(stays("10.in-addr.arpa", "DS")) == "10.in-addr.arpa"


ORDINARY = [
    ".", "arpa", "in-addr.arpa", "ip6.arpa", "example", "www.example", "example.org", "home", "lan",
    "localhost.example.org", "test.example.org", "onion.example.org", "local.example", "invalid.net",
    "xlocalhost", "notest", "myonion", "salt", "xresolver.arpa", "myhome.arpa", "uri.arpa", "e164.arpa",
    "15.172.in-addr.arpa", "32.172.in-addr.arpa", "11.in-addr.arpa", "169.192.in-addr.arpa",
    "1.0.192.in-addr.arpa", "170.0.0.192.in-addr.arpa",
    "255.in-addr.arpa", "c.f.ip6.arpa", "7.e.f.ip6.arpa", "c.e.f.ip6.arpa",
    "2.0.0.2.ip6.arpa", "0." * 31 + "ip6.arpa", "10.in-addr.arpa.example.org",
    # One label that holds the octets of a special name is none (RFC 2181 11).
    r"a\.test.example", r"x\009localhost", r"a\.localhost", r"\004test",
]  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_what_is_ordinary_travels(name: str) -> None:
    """RFC 6761 6.5: `example` too has no special meaning for a resolver."""
    for qtype in ("A", "PTR", "DS"):
        assert ask(name, qtype) is None


@pytest.mark.parametrize("name", [*NOWHERE, "localhost", "10.in-addr.arpa", "ipv4only.arpa", "resolver.arpa"])
@pytest.mark.parametrize("qclass", ["CH", "HS", "ANY"])
def test_other_classes_stay_here_too(name: str, qclass: str) -> None:
    assert stays(name, "TXT", qclass).rcode() == dns.rcode.REFUSED


@given(queries())
def test_any_question_travels_or_is_answered(message: dns.message.Message) -> None:
    reply = reply_to(message)
    last = [label.lower() for label in message.question[0].name.labels[-2:-1]]
    known = {zone.rpartition(".")[2].encode() for zone in NOWHERE} | {b"localhost"}
    assert reply is None or last[0] in known


@pytest.mark.parametrize("edns", [False, True])
@pytest.mark.parametrize("name", ["localhost", "a.test", "10.in-addr.arpa"])
def test_an_opt_comes_back_exactly_when_one_was_sent(name: str, edns: bool) -> None:
    reply = reply_to(make_query(name, edns=edns))
    assert reply is not None and (reply.edns == 0) == edns


def test_the_case_of_the_client() -> None:
    data = header(0x0100) + b"\x04wWw3\x04TeSt\0\0\1\0\1"
    query = parse_query(data)
    assert isinstance(query, Query) and query.qtype == registry.A
    octets = special.answer(query)
    assert octets is not None and octets[12:].startswith(data[12:]) and QUESTION not in octets


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"\x09localhost\0", True),
        (b"\x03www\x09localhost\0", True),
        (b"\x0bx\x09localhost\0", False),
        (b"\x09localhost\x07example\0", False),
        (b"\x03ads\x04test\0", False),
        (b"\x07example\0", False),
        (b"\0", False),
    ],
)
def test_only_localhost_cannot_be_blocked(name: bytes, expected: bool) -> None:
    assert special.unblockable(name) is expected
