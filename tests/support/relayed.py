"""What of a response is to be relayed, worked out with dnspython and nothing of ours."""

from __future__ import annotations

from typing import Any, NamedTuple

import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

LEADING = (dns.rdatatype.CNAME, dns.rdatatype.DNAME, dns.rdatatype.SVCB, dns.rdatatype.HTTPS)

WEEK = 604_800


class Record(NamedTuple):
    """One record; `rdata` is dnspython's, of the type's own class, `ttl` in seconds."""

    owner: dns.name.Name
    rtype: int
    rdata: Any
    ttl: int


class Relayed(NamedTuple):
    """The records of each section as clients should get them, and the names that they lead to."""

    answer: list[Record]
    authority: list[Record]
    additional: list[Record]
    targets: set[dns.name.Name]
    stripped: bool


def relayed(data: bytes) -> Relayed:
    """What is left of a response: what belongs to the question, with the TTLs of each RRset equal.

    Where something of the answer section does not belong, the additional section goes with it.
    """
    read = dns.message.from_wire(data, one_rr_per_rrset=True)
    links, above = _chain(read)
    answer = [
        rrset
        for rrset in read.answer
        if rrset.name in links or (_covers(rrset) == dns.rdatatype.DNAME and rrset.name in above)
    ]
    stripped = len(answer) < len(read.answer)
    additional = [] if stripped else read.additional
    leading = [rrset for rrset in answer + additional if rrset.rdtype in LEADING]
    targets = {rrset[0].target.canonicalize() for rrset in leading} - {dns.name.root}
    qname = read.question[0].name
    return Relayed(
        _even(answer),
        _even(read.authority, authority=True),
        _even(additional),
        targets | {name.canonicalize() for name in links if name != qname},
        stripped,
    )


def _chain(read: dns.message.Message) -> tuple[set[dns.name.Name], set[dns.name.Name]]:
    """Every name of the chain, and the owners of the DNAME records that are part of it."""
    links, above = {read.question[0].name}, set()
    size = 0
    while size != len(links):
        size = len(links)
        for rrset in read.answer:
            if rrset.rdtype == dns.rdatatype.CNAME and rrset.name in links:
                links.add(rrset[0].target)
            if rrset.rdtype == dns.rdatatype.DNAME:
                below = [name for name in links if name.is_subdomain(rrset.name) and name != rrset.name]
                links |= {name.relativize(rrset.name).concatenate(rrset[0].target) for name in below}
                above |= {rrset.name} if below else set()
    return links, above


def _covers(rrset: dns.rrset.RRset) -> int:
    """The type of the RRset that a record goes with: its own, or the one that a signature covers."""
    return int(rrset[0].type_covered if rrset.rdtype == dns.rdatatype.RRSIG else rrset.rdtype)


def _even(section: list[dns.rrset.RRset], authority: bool = False) -> list[Record]:
    """A section with the smallest TTL of each RRset; at most a week, and the SOA's MINIMUM."""
    ttls: dict[tuple[dns.name.Name, int], int] = {}
    for rrset in section:
        ttl = min(rrset.ttl, WEEK)
        if authority and rrset.rdtype == dns.rdatatype.SOA:
            ttl = min(ttl, rrset[0].minimum)
        key = rrset.name, _covers(rrset)
        ttls[key] = min(ttl, ttls.get(key, ttl))
    return [
        Record(rrset.name, int(rrset.rdtype), rrset[0], ttls[rrset.name, _covers(rrset)]) for rrset in section
    ]
