"""The internet as the upstream of all three tells it: consistent, whoever asks and in whatever order.

Every name below `example.org` answers by the label that stands left of the zone: its first part says what
kind of name it is, the last part is a number that varies the data.

    host-7      addresses, text, mail, services, HTTPS, an unknown type; NODATA for the rest
    none-7      no such name, nor below it
    link-3-7    a CNAME to link-2-7, and so on to host-7
    out-7       a CNAME to a name that is blocked
    dname-7     a DNAME to host-7; below it the CNAME that follows from it (RFC 6672 2.2)
    long-7      3 000 octets of text: TC over UDP; middle-7: 900 octets
    fail-7, refused-7, lame-7     SERVFAIL, REFUSED, SERVFAIL with an extended error
    inside-7    an address of a private network

A resolver follows CNAME records in different ways (relay the chain, or ask for each target), so a chain is
the same whether it is asked for as a whole or name by name. With DO there are signatures, of no worth: none
of the three validates here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.support.behaviours import Behaviour, Reply, Seen, Transport, response, soa

ZONE: Final = dns.name.from_text("example.org.")
BLOCKED: Final = "bad.example"
"""The name that is on the list of each."""

_LONGEST: Final = 1_232


def behaviour(qname: str, qtype: str) -> Behaviour:
    """What a `ScriptedUpstream` does with any question at all."""
    return _behave


def _behave(seen: Seen) -> list[Reply]:
    return [Reply(seen.octets[:2] + _answer(seen.octets[2:], seen.transport))]


@lru_cache(maxsize=30_000)
def _answer(octets: bytes, transport: Transport) -> bytes:
    """The reply to a query, both without their IDs. Remembered, because everybody asks the same: an upstream
    that is slower than those who ask it would be compared with itself."""
    query = dns.message.from_wire(b"\0\0" + octets)
    made = response(query)
    _fill(made, query)
    wire = made.to_wire(max_size=65_535)
    if transport == "udp" and len(wire) > min(query.payload if query.edns >= 0 else 512, _LONGEST):
        made = response(query)
        made.flags |= dns.flags.TC
        wire = made.to_wire()
    return wire[2:]


def _fill(made: dns.message.Message, query: dns.message.Message) -> None:
    """Put into a reply what the world has to say."""
    question = query.question[0]
    owner, dnssec = question.name, bool(query.ednsflags & dns.flags.DO)
    if not owner.is_subdomain(ZONE) or question.rdclass != dns.rdataclass.IN:
        _negative(made, dns.rcode.NXDOMAIN)
        return
    for _ in range(20):
        kind, number, steps = _kind(owner)
        rcode = _FAILURES.get(kind)
        if rcode is not None:
            made.set_rcode(rcode)
            if kind == "lame":
                made.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(dns.edns.EDECode.make(22), "lame")])
            return
        target = _alias(made, owner, kind, number, steps, question.rdtype)
        if target is None:
            _data(made, owner, kind, number, question.rdtype, dnssec)
            return
        if question.rdtype == dns.rdatatype.CNAME or not target.is_subdomain(ZONE):
            return
        owner = target


def _kind(owner: dns.name.Name) -> tuple[str, int, int]:
    """Kind, number and steps of a name: `link-3-7` → link, 7, 3. The zone itself is a host."""
    if owner == ZONE:
        return "host", 0, 0
    label = owner.labels[-4].decode("latin-1").lower()
    kind, *numbers = label.split("-")
    if not numbers or not all(one.isdigit() for one in numbers):
        return "host", len(label), 0
    return kind, int(numbers[-1]), int(numbers[0])


def _alias(
    made: dns.message.Message, owner: dns.name.Name, kind: str, number: int, steps: int, qtype: int
) -> dns.name.Name | None:
    """Where a name leads, with the records that say so; None if it leads nowhere."""
    if kind == "link" and steps:
        target = f"link-{steps - 1}-{number}.example.org." if steps > 1 else f"host-{number}.example.org."
    elif kind == "out":
        target = f"www.{BLOCKED}."
    elif kind == "dname" and len(owner.labels) > 4:
        parent = dns.name.Name(owner.labels[-4:])
        there = dns.name.from_text(f"host-{number}.example.org.")
        made.answer.append(_record(parent, 300, "DNAME", there.to_text()))
        target = dns.name.Name(owner.labels[:-4] + there.labels).to_text()
    else:
        return None
    made.answer.append(_record(owner, 300, "CNAME", target))
    return dns.name.from_text(target)


def _data(
    made: dns.message.Message, owner: dns.name.Name, kind: str, number: int, qtype: int, dnssec: bool
) -> None:
    """The records of a name that is no alias, or that there are none."""
    if kind == "none":
        _negative(made, dns.rcode.NXDOMAIN)
        return
    make = _KINDS.get(kind, _host)
    records = make(number).get(dns.rdatatype.to_text(dns.rdatatype.RdataType.make(qtype)), [])
    if not records:
        _negative(made, dns.rcode.NOERROR)
        return
    ttl = 300 + 100 * (number % 7)
    text = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(qtype))
    made.answer.append(_record(owner, ttl, text, *records))
    if dnssec:
        signature = (
            f"{text} 8 {len(owner.labels) - 1} {ttl} 20300101000000 20200101000000 1 example.org. AAAA"
        )
        made.answer.append(_record(owner, ttl, "RRSIG", signature))


def _record(owner: dns.name.Name, ttl: int, rtype: str, *rdata: str) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(owner, ttl, "IN", rtype, list(rdata))


def _negative(made: dns.message.Message, rcode: dns.rcode.Rcode) -> None:
    """NXDOMAIN or NODATA with the SOA that lets it be kept (RFC 2308 3)."""
    made.set_rcode(rcode)
    made.authority.append(soa("example.org.", 600, 120))


_FAILURES: Final = {
    "fail": dns.rcode.SERVFAIL,
    "lame": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
}

Data = dict[str, list[str]]


def _host(number: int) -> Data:
    octet = number % 200 + 1
    return {
        "A": [f"192.0.2.{octet}", f"198.51.100.{octet}"],
        "AAAA": [f"2001:db8::{octet:x}"],
        "TXT": [f'"number {number}" "with \\"quotes\\" and \\000 octets"'],
        "MX": ["10 mail.example.org.", "20 Mail2.example.net."],
        "SRV": [f"1 2 {number % 60_000} host-{number}.example.org."],
        "CAA": ['0 issue "ca.example.net"'],
        "NS": ["ns1.example.org.", "ns2.example.org."],
        "SOA": [f"ns.example.org. hostmaster.example.org. {number} 3600 600 86400 120"],
        "HTTPS": [f"1 . alpn=h3,h2 ipv4hint=192.0.2.{octet}"],
        "NAPTR": ['100 50 "s" "SIP+D2U" "" _sip._udp.example.org.'],
        "TYPE65280": [r"\# 6 c00c00350001"],
        "TYPE999": [rf"\# 2 {number % 0x10000:04x}"],
    }


def _long(number: int) -> Data:
    return {**_host(number), "TXT": [f'"{index:04d} {"x" * 190}"' for index in range(15)]}


def _middle(number: int) -> Data:
    return {**_host(number), "TXT": [f'"{index:04d} {"x" * 190}"' for index in range(4)]}


def _inside(number: int) -> Data:
    return {"A": [f"192.168.7.{number % 200 + 1}"]}


_KINDS: Final[dict[str, Callable[[int], Data]]] = {"long": _long, "middle": _middle, "inside": _inside}
