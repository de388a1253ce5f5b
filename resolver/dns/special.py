"""Special-use names: what is answered here and never leaves.

Each row names the zone, what to answer, and the document that says so. A name is looked up by
walking its labels from the right, so that `x<TAB>localhost` is never taken for localhost; a cheap
test on the last label lets every ordinary name pass first.

`zone` answers are an empty zone: no data at its apex, NXDOMAIN below, with an SOA (RFC 6303 3). Every answer
says in an extended error that it was made here.

The table holds what IANA lists as special-use names and as locally served zones. Not in it are `example` and
its like, which are ordinary for a resolver (RFC 6761 6.5), and the reverse names of ipv4only.arpa (RFC 8880
7.2: those who resolve for others let them pass). A record of our own comes before all this but localhost.
"""

from __future__ import annotations

from typing import Final, Literal

from resolver.dns import registry
from resolver.dns.answers import failure, reply
from resolver.dns.blocking import record, soa
from resolver.dns.edns import extended_error, opt
from resolver.dns.names import from_text
from resolver.dns.query import Query

Action = Literal["localhost", "nxdomain", "nodata", "zone", "ipv4only"]

_TTL: Final = 10_800
"""Seconds (RFC 6303 3: 3 hours)."""

_ZONES: Final[tuple[tuple[str, Action], ...]] = (
    ("localhost", "localhost"),  # RFC 6761 6.3
    ("test", "nxdomain"),  # RFC 6761 6.2
    ("invalid", "nxdomain"),  # RFC 6761 6.4
    ("local", "nxdomain"),  # RFC 6762 22.1: belongs to multicast DNS
    ("onion", "nxdomain"),  # RFC 7686 2
    ("alt", "nxdomain"),  # RFC 9476 2
    ("resolver.arpa", "nodata"),  # RFC 9462 6.4: nothing to designate yet
    ("home.arpa", "zone"),  # RFC 8375 4
    ("service.arpa", "zone"),  # RFC 9665 8.4
    ("6tisch.arpa", "nxdomain"),  # RFC 9031 11
    ("eap-noob.arpa", "nxdomain"),  # RFC 9140 5.6
    ("ipv4only.arpa", "ipv4only"),  # RFC 8880 7.1
    ("10.in-addr.arpa", "zone"),  # RFC 6761 6.1, RFC 6303 4
    *((f"{number}.172.in-addr.arpa", "zone") for number in range(16, 32)),
    ("168.192.in-addr.arpa", "zone"),
    *((f"{number}.100.in-addr.arpa", "zone") for number in range(64, 128)),  # RFC 7793 3
    ("0.in-addr.arpa", "zone"),
    ("127.in-addr.arpa", "zone"),
    ("254.169.in-addr.arpa", "zone"),
    ("2.0.192.in-addr.arpa", "zone"),
    ("100.51.198.in-addr.arpa", "zone"),
    ("113.0.203.in-addr.arpa", "zone"),
    ("255.255.255.255.in-addr.arpa", "zone"),
    ("0." * 32 + "ip6.arpa", "zone"),
    ("1." + "0." * 31 + "ip6.arpa", "zone"),
    ("d.f.ip6.arpa", "zone"),
    ("8.e.f.ip6.arpa", "zone"),
    ("9.e.f.ip6.arpa", "zone"),
    ("a.e.f.ip6.arpa", "zone"),
    ("b.e.f.ip6.arpa", "zone"),
    ("8.b.d.0.1.0.0.2.ip6.arpa", "zone"),
)

_BY_NAME: Final[dict[bytes, Action]] = {from_text(name): action for name, action in _ZONES}

LAST_LABELS: Final = tuple({b"\x04arpa\0", *(from_text(name) for name, _ in _ZONES if "." not in name)})

_LOCALHOST: Final = from_text("localhost")

_PROVABLE: Final = (from_text("home.arpa"), from_text("service.arpa"))
"""Zones that the real servers of arpa delegate without a signature, so that a client that validates takes our
word for what is in them: that proof is asked of the real servers (RFC 8375 4)."""

_OPTS: Final = tuple(
    opt(dnssec, extended_error(registry.EDE_SYNTHESIZED, "a special-use name, answered here"))
    for dnssec in (False, True)
)


def _zone_of(folded: bytes) -> tuple[int, Action] | None:
    """Where in the name a special zone begins, and what to do there."""
    position = 0
    while folded[position]:
        action = _BY_NAME.get(folded[position:])
        if action is not None:
            return position, action
        position += folded[position] + 1
    return None


def unblockable(folded: bytes) -> bool:
    """Whether no list may block a name: localhost and what is below it (RFC 6761 6.3).

    Every other special-use name may be blocked: a block keeps it from leaving as well.
    """
    if not folded.endswith(_LOCALHOST):
        return False
    found = _zone_of(folded)
    return found is not None and found[1] == "localhost"


def answer(query: Query) -> bytes | None:
    """The reply to a question for a special-use name, or None for every other name."""
    if not query.folded.endswith(LAST_LABELS):
        return None
    found = _zone_of(query.folded)
    if found is None:
        return None
    position, action = found
    if query.qtype == registry.DS and query.folded in _PROVABLE:
        return None
    if query.qclass != registry.CLASS_IN:
        return failure(query, registry.REFUSED, registry.EDE_NOT_SUPPORTED, "this class is not served here")
    owner = (0xC000 | 12 + position).to_bytes(2, "big")
    if action == "localhost":
        return _addresses(query, owner, (b"\x7f\0\0\x01",), b"\0" * 15 + b"\x01")
    if action == "ipv4only" and position == 0:  # RFC 8880 7: it has no subdomains
        return _addresses(query, owner, (b"\xc0\0\0\xaa", b"\xc0\0\0\xab"), None)
    exists = action == "nodata" or (action == "zone" and position == 0)
    rcode = registry.NOERROR if exists else registry.NXDOMAIN
    return reply(query, rcode, (0, 1, 0), soa(_TTL, owner), _OPTS[query.dnssec])


def _addresses(query: Query, owner: bytes, ipv4: tuple[bytes, ...], ipv6: bytes | None) -> bytes:
    """A and AAAA of a name that has addresses by decree, no data for every other type."""
    records: list[bytes] = []
    opts = _OPTS[query.dnssec]
    if query.qtype in (registry.A, registry.ANY):
        records += [record(registry.A, _TTL, rdata) for rdata in ipv4]
    if ipv6 is not None and query.qtype in (registry.AAAA, registry.ANY):
        records.append(record(registry.AAAA, _TTL, ipv6))
    if records:
        return reply(query, registry.NOERROR, (len(records), 0, 0), b"".join(records), opts)
    return reply(query, registry.NOERROR, (0, 1, 0), soa(_TTL, owner), opts)
