"""How a blocked name is answered, for every qtype.

A block that only answers A and AAAA leaks: the HTTPS record alone carries addresses (RFC 9460
7.3). So every type gets an answer here, made once per policy and reused for each query. Two blocked
questions of one type, with names of one length and the same flags, differ only in ID and question: what
stands before and behind those is made once and shared (`Ready`), so that a hundred thousand known
blocked names cost a pointer each.

Why a name is blocked stands in an extended error: a sentence, or data for a client that asked for data
(`resolver.dns.structured`) where the policy says whom to ask or why. The data shrinks, and goes, before it
would make a reply too long for UDP. Whether a client asked costs the others a look at an empty field.

Negative answers carry an SOA whose owner is the qname itself: a client that caches by RFC 8020 must
not read our NXDOMAIN for one name as the absence of names above or beside it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final, Literal

from resolver.dns import registry
from resolver.dns.answers import KEPT_FLAGS, reply
from resolver.dns.edns import extended_error, opt, written
from resolver.dns.query import NO_EDNS, Query
from resolver.dns.structured import Why, asks, brief, structured

Mode = Literal["null", "address", "nxdomain", "nodata", "refused"]

_QNAME: Final = b"\xc0\x0c"
"""A pointer to the question, which always stands at octet 12 (RFC 1035 4.1.4)."""

_FIXED: Final = Struct(">HHIH").pack
_TIMERS: Final = Struct(">IIIII").pack

_RNAME: Final = b"\x06nobody\x07invalid\0"
"""Responsible mailbox of an SOA that nobody administers, as RFC 6303 3 writes it."""

Ready = tuple[bytes, int, bytes]
"""A reply without its ID and question: the ten octets of header behind the ID, the offset in the message
where the question ends, and what follows it. The whole is `ID + [0] + question + [2]`."""

BLOCKED_REASON: Final = (registry.EDE_BLOCKED, "blocked by the policy of this network")
"""The extended error of a blocked name: code and text."""

_SENTENCE: Final = 0
"""The form of an OPT that every client gets but those that ask for data."""

_Section = tuple[int, tuple[int, int, int], bytes]
"""rcode, section counts, records."""


def record(rtype: int, ttl: int, rdata: bytes, owner: bytes = _QNAME) -> bytes:
    """One record of class IN; the owner is the qname unless given."""
    return owner + _FIXED(rtype, registry.CLASS_IN, ttl, len(rdata)) + rdata


def soa(ttl: int, owner: bytes = _QNAME) -> bytes:
    """The SOA of a negative answer: TTL and MINIMUM are both `ttl` seconds (RFC 2308 5)."""
    return record(registry.SOA, ttl, owner + _RNAME + _TIMERS(1, 3600, 1200, 604_800, ttl), owner)


NEGATIVE_OCTETS: Final = len(soa(0))
"""What the records of a negative answer weigh."""


class BlockAnswers:
    """The answers of one policy to blocked questions. `why` is what clients may be told that ask for it."""

    __slots__ = ("_by_type", "_opts", "_other", "_ready")

    def __init__(
        self,
        mode: Mode,
        ttl: int,
        ipv4: Sequence[str] = (),
        ipv6: Sequence[str] = (),
        reason: tuple[int, str] = BLOCKED_REASON,
        why: Why | None = None,
    ) -> None:
        # By form: the sentence, then for clients that ask for data the data, less of it, and nothing.
        self._opts: Final = (_pair(extended_error(*reason)), *_forms(reason[0], why))
        if mode == "null":
            ipv4, ipv6 = ("0.0.0.0",), ("::",)  # noqa: S104 - an answer, not an address to bind
        addresses = _addresses(ttl, ipv4, ipv6) if mode in ("null", "address") else {}
        self._by_type: Final[Mapping[int, _Section]] = addresses
        self._other: Final = _negative(mode, ttl)
        # Bounded by what can differ: four kinds of type, 251 lengths, four flags, three kinds of OPT and
        # four forms of it.
        self._ready: Final[dict[tuple[int, int, int, int, bool, int], Ready]] = {}

    def build(self, query: Query) -> bytes:
        """The reply to a blocked question: EDE 15 where the query had an OPT, AD clear, and whatever
        belongs to this client alone (`Query.extras`)."""
        if query.extras:
            return self._whole(query, self._form(query))
        head, _, tail = self.ready(query)
        return query.id.to_bytes(2, "big") + head + query.question + tail

    def ready(self, query: Query) -> Ready:
        """The shared parts of that reply. What belongs to one client alone (`Query.extras`) is not in it."""
        kind = query.qtype if query.qtype in self._by_type else 0
        edns = query.size != NO_EDNS
        form = self._form(query)
        key = (kind, len(query.question), query.flags & KEPT_FLAGS, edns, query.dnssec, form)
        found = self._ready.get(key)
        if found is None:
            alone, query.extras = query.extras, b""
            whole = self._whole(query, form)
            query.extras = alone
            end = 12 + len(query.question)
            found = self._ready[key] = (whole[2:12], end, whole[end:])
        return found

    def opts(self, query: Query) -> tuple[bytes, bytes]:
        """The OPT records, without and with DO, for a reply of somebody else's making to this client that
        blocks as well and has at most an SOA (`NEGATIVE_OCTETS`)."""
        return self._opts[self._fitting(query, NEGATIVE_OCTETS) if query.options else _SENTENCE]

    def _form(self, query: Query) -> int:
        """Which OPT this client gets in a reply of ours."""
        return self._fitting(query, len(self._section(query)[2])) if query.options else _SENTENCE

    def _fitting(self, query: Query, octets: int) -> int:
        """The sentence, unless this client asks for data and there is some; of the data the most that fits
        into a UDP reply whose records weigh `octets`."""
        last = len(self._opts) - 1
        if last == _SENTENCE or not asks(query.options):
            return _SENTENCE
        rest = 12 + len(query.question) + octets + len(query.extras)
        for form in range(_SENTENCE + 1, last):
            if rest + len(self._opts[form][0]) <= query.udp_limit:
                return form
        return last

    def _section(self, query: Query) -> _Section:
        return self._by_type.get(query.qtype, self._other)

    def _whole(self, query: Query, form: int) -> bytes:
        """The reply, made anew; a query without OPT gets none, whatever the form."""
        rcode, counts, body = self._section(query)
        return reply(query, rcode, counts, body, self._opts[form][query.dnssec])


def _pair(options: bytes) -> tuple[bytes, bytes]:
    """The OPT records with these options, without and with DO."""
    return opt(False, options), opt(True, options)


def _forms(code: int, why: Why | None) -> tuple[tuple[bytes, bytes], ...]:
    """The OPT records for clients that ask for data, from most to least; none when there is no data."""
    full = structured(why, code) if why is not None else b""
    if why is None or not full:
        return ()
    number = code.to_bytes(2, "big")
    texts = (full, brief(why, code), b"")
    return tuple(_pair(written(registry.OPTION_EDE, number + text)) for text in texts)


def _negative(mode: Mode, ttl: int) -> _Section:
    """The answer to every type that has no address of its own in this mode."""
    if mode == "refused":
        return registry.REFUSED, (0, 0, 0), b""
    rcode = registry.NXDOMAIN if mode == "nxdomain" else registry.NOERROR
    return rcode, (0, 1, 0), soa(ttl)


def _addresses(ttl: int, ipv4: Sequence[str], ipv6: Sequence[str]) -> dict[int, _Section]:
    """A, AAAA and ANY of a name that points at addresses of ours (ANY stays blocked: RFC 8482 4)."""
    four = [record(registry.A, ttl, ipaddress.IPv4Address(text).packed) for text in ipv4]
    six = [record(registry.AAAA, ttl, ipaddress.IPv6Address(text).packed) for text in ipv6]
    by_type = {registry.A: four, registry.AAAA: six, registry.ANY: four + six}
    return {
        rtype: (registry.NOERROR, (len(records), 0, 0), b"".join(records))
        for rtype, records in by_type.items()
        if records
    }
