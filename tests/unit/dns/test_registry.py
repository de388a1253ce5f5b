"""Registry: every number here is the one that dnspython knows by the same name."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from resolver.dns import registry

FLAGS = {
    "QR": dns.flags.QR,
    "AA": dns.flags.AA,
    "TC": dns.flags.TC,
    "RD": dns.flags.RD,
    "RA": dns.flags.RA,
    "AD": dns.flags.AD,
    "CD": dns.flags.CD,
    "DO": dns.flags.DO,
}

TYPES = (
    "A", "NS", "CNAME", "SOA", "PTR", "HINFO", "MX", "TXT", "AAAA", "SRV", "OPT", "DS", "SVCB", "HTTPS",
    "TKEY", "TSIG", "IXFR", "AXFR", "ANY",
)  # fmt: skip

RCODES = (
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
    "NOTAUTH", "NOTZONE", "BADVERS", "BADCOOKIE",
)  # fmt: skip

NO_TYPES = ["", "TYPE", "TYPE-1", "TYPE 1", "TYPE65536", "TYPE000001", "TYPE٣", "TYPE1x", "AA", "1", "A "]

EXTENDED_ERRORS = {
    registry.EDE_OTHER: "OTHER",
    registry.EDE_STALE: "STALE_ANSWER",
    registry.EDE_FORGED: "FORGED_ANSWER",
    registry.EDE_CACHED_ERROR: "CACHED_ERROR",
    registry.EDE_NOT_READY: "NOT_READY",
    registry.EDE_BLOCKED: "BLOCKED",
    registry.EDE_CENSORED: "CENSORED",
    registry.EDE_FILTERED: "FILTERED",
    registry.EDE_PROHIBITED: "PROHIBITED",
    registry.EDE_STALE_NXDOMAIN: "STALE_NXDOMAIN_ANSWER",
    registry.EDE_NOT_AUTHORITATIVE: "NOT_AUTHORITATIVE",
    registry.EDE_NOT_SUPPORTED: "NOT_SUPPORTED",
    registry.EDE_NO_REACHABLE_AUTHORITY: "NO_REACHABLE_AUTHORITY",
    registry.EDE_NETWORK_ERROR: "NETWORK_ERROR",
    registry.EDE_INVALID_DATA: "INVALID_DATA",
    registry.EDE_SYNTHESIZED: "SYNTHESIZED",
}


@pytest.mark.parametrize(("name", "flag"), FLAGS.items())
def test_header_flags(name: str, flag: int) -> None:
    assert getattr(registry, name) == flag


def test_header_masks_cover_what_the_flags_leave() -> None:
    rcodes = {rcode for rcode in dns.rcode.Rcode if rcode <= 15}
    assert {rcode & registry.RCODE_MASK for rcode in rcodes} == rcodes
    assert dns.opcode.to_flags(dns.opcode.Opcode.make(15)) == registry.OPCODE_MASK
    flags = [getattr(registry, name) for name in FLAGS if name != "DO"]
    assert sum(flags) + registry.OPCODE_MASK + registry.RCODE_MASK == 0xFFFF - 0x40  # the Z bit


@pytest.mark.parametrize("name", TYPES)
def test_types(name: str) -> None:
    number = dns.rdatatype.from_text(name)
    assert getattr(registry, name) == number and registry.TYPE_NAMES[number] == name


def test_types_that_only_have_a_name() -> None:
    others = {number: name for number, name in registry.TYPE_NAMES.items() if name not in TYPES}
    assert {number: dns.rdatatype.from_text(name) for number, name in others.items()} == {
        n: n for n in others
    }
    assert registry.type_number("caa") == 257 and registry.type_name(35) == "NAPTR"


def test_every_type_has_a_name_that_leads_back() -> None:
    for number in range(0x10000):
        assert registry.type_number(registry.type_name(number)) == number
        assert registry.type_number(f"type{number}") == number
    assert registry.type_name(65_280) == "TYPE65280"


@pytest.mark.parametrize("text", NO_TYPES)
def test_what_is_no_type(text: str) -> None:
    assert registry.type_number(text) is None


@pytest.mark.parametrize("name", RCODES)
def test_rcodes(name: str) -> None:
    number = dns.rcode.from_text(name)
    assert getattr(registry, name) == number and registry.rcode_name(number) == name
    assert len(registry.RCODE_NAMES) == len(RCODES)


def test_an_rcode_without_a_name() -> None:
    assert registry.rcode_name(24) == "RCODE24"


def test_classes_and_options() -> None:
    assert dns.rdataclass.IN == registry.CLASS_IN
    assert dns.rdataclass.CHAOS == registry.CLASS_CHAOS
    assert dns.rdataclass.ANY == registry.CLASS_ANY
    assert dns.edns.EDE == registry.OPTION_EDE
    assert dns.edns.ECS == registry.OPTION_ECS
    assert dns.edns.COOKIE == registry.OPTION_COOKIE
    assert dns.edns.KEEPALIVE == registry.OPTION_KEEPALIVE
    assert dns.edns.PADDING == registry.OPTION_PADDING


@pytest.mark.parametrize(("number", "name"), EXTENDED_ERRORS.items())
def test_extended_errors(number: int, name: str) -> None:
    assert dns.edns.EDECode[name] == number


def test_no_number_has_two_names() -> None:
    known = [n for n in vars(registry) if n.startswith("EDE_")]
    assert {getattr(registry, n) for n in known} == EXTENDED_ERRORS.keys()
    assert len(known) == len(EXTENDED_ERRORS)


def test_sizes() -> None:
    assert (registry.UDP_MINIMUM, registry.UDP_LIMIT, registry.MAX_MESSAGE) == (512, 1232, 65_535)
