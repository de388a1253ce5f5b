"""The messages that we make ourselves: refusals, failures, relays, and the query for an upstream.

A reply is always built the same way: the client's ID, our flags, the client's question in the
client's own case (RFC 4343 4.1), the records, and an OPT exactly when the client sent one. AD is
never set here: we validate nothing, and an upstream's word travels an unprotected path (RFC 4035
4.9.3). RA is always set, AA never: whatever we say, we are a forwarder.
"""

from __future__ import annotations

from math import inf
from struct import Struct
from typing import Final

from resolver.dns import registry
from resolver.dns.bindings import read_binding
from resolver.dns.bounds import bounded
from resolver.dns.edns import PLAIN_OPT, extended_error, opt, with_options
from resolver.dns.query import NO_EDNS, Query
from resolver.dns.reasons import EDE, opts_for
from resolver.dns.records import TTL_CAP, Walk, walk, write_ttls

_HEADER: Final = Struct(">HHHHHH").pack
_LONG: Final = Struct(">I").pack_into
_SHORT: Final = Struct(">H").unpack_from

_ADDRESS_OCTETS: Final = {registry.A: 4, registry.AAAA: 16}
_BOUND: Final = (registry.SVCB, registry.HTTPS)

_NXDOMAIN: Final = registry.NXDOMAIN
_LARGEST: Final = registry.RCODE_MASK
"""The largest rcode that a header has room for."""
_ANSWERED: Final = registry.QR | registry.RA

STALE_TTL: Final = 30
"""Seconds that a stale answer is said to hold (RFC 8767 4)."""

_STALE_OPTS: Final = {
    rcode: (opt(False, extended_error(code)), opt(True, extended_error(code)))
    for rcode, code in (
        (registry.NOERROR, registry.EDE_STALE),  # RFC 8914 4.4
        (registry.NXDOMAIN, registry.EDE_STALE_NXDOMAIN),  # RFC 8914 4.20
    )
}

KEPT_FLAGS: Final = registry.RD | registry.CD
"""Bits of the client's header that a reply repeats (RFC 1035 4.1.1; CD: RFC 4035 3.2.2)."""


def reply(
    query: Query, rcode: int, counts: tuple[int, int, int], body: bytes, opt_record: bytes | None = None
) -> bytes:
    """A whole reply. `opt_record` replaces the plain OPT that an EDNS client gets."""
    flags = registry.QR | registry.RA | (query.flags & KEPT_FLAGS) | rcode
    answers, authorities, additionals = counts
    if query.size == NO_EDNS:
        return _HEADER(query.id, flags, 1, answers, authorities, additionals) + query.question + body
    tail = PLAIN_OPT[query.dnssec] if opt_record is None else opt_record
    if query.extras:
        tail = with_options(tail, query.extras)
    return _HEADER(query.id, flags, 1, answers, authorities, additionals + 1) + query.question + body + tail


def failure(query: Query, rcode: int, code: int, text: str = "") -> bytes:
    """A reply without records that says why in an extended error (RFC 8914)."""
    return reply(query, rcode, (0, 0, 0), b"", opt(query.dnssec, extended_error(code, text)))


def truncated(query: Query) -> bytes:
    """The reply when the real one does not fit: TC and nothing else, so that the client asks by TCP.

    RFC 2181 9: partial RRsets are worth nothing, and RFC 5625 4.1 warns of middleboxes that cut.
    """
    return reply(query, registry.TC, (0, 0, 0), b"")


def minimal_any(query: Query) -> bytes:
    """RFC 8482 4.2: an ANY query gets one HINFO that names the RFC, so it never amplifies."""
    body = b"\xc0\x0c\0\x0d\0\x01" + (3600).to_bytes(4, "big") + b"\0\x09\x07RFC8482\0"
    return reply(query, registry.NOERROR, (1, 0, 0), body)


class Relay:
    """An upstream's answer, kept as the octets that came, ready for any client that asks the same.

    stored     seconds on the caller's clock when it was kept
    lifetime   seconds that it may be kept
    due        seconds on that clock from when it should be fetched again if it is asked for; whoever keeps
               it sets it, and sets it back when the fetching has begun
    kept       whether it is an upstream's answer that a cache has taken; one of a rule's or our own never is
    targets    where its CNAME, DNAME, SVCB and HTTPS records lead: judged again each time it is used
    private    whether it holds an address of a private network, as a record or as a hint
    negative   whether it says that there is nothing of the type asked
    octets     what it weighs in a cache that is bounded in octets

    An answer that a rule gives in an upstream's place is kept in the same way; `opts` are then the OPT
    records without and with DO that say so. For an upstream's they pass its reasons on
    (`resolver.dns.reasons`).
    `ttls` bounds the TTLs, in seconds: at least, at most.
    """

    __slots__ = (
        "_body",
        "_counts",
        "_offsets",
        "_opts",
        "_rcode",
        "_ttls",
        "due",
        "kept",
        "lifetime",
        "negative",
        "octets",
        "private",
        "stored",
        "targets",
    )

    def __init__(
        self,
        walk: Walk,
        stored: float,
        opts: tuple[bytes, bytes] | None = None,
        ttls: tuple[int, int] = (0, TTL_CAP),
    ) -> None:
        least, most = ttls
        for ttl in walk.ttls:
            if ttl > most or ttl < least:
                walk = bounded(walk, least, most)
                break
        (
            _, rcode, _, body, self._counts, offsets, self._ttls,
            self.lifetime, self.targets, self.negative, self.private, options,
        ) = walk  # fmt: skip
        self._body = body
        self._offsets = offsets
        # As measured: two numbers in two tuples for each TTL, and what every object costs.
        self.octets = len(body) + 64 * len(offsets) + 400
        if opts is None:
            opts = PLAIN_OPT
            if (rcode and rcode != _NXDOMAIN) or (options and EDE in options):
                opts = opts_for(rcode, options)
                self.octets += len(opts[0]) + len(opts[1])
        self._opts = opts
        # An rcode above 15 is between the upstream and us: its upper bits are in the OPT that was cut
        # off, and the lower ones alone would say something else (RFC 6891 6.1.3).
        self._rcode = rcode if rcode <= _LARGEST else registry.SERVFAIL
        self.stored = stored
        self.due = inf
        self.kept = False

    @property
    def rcode(self) -> int:
        """The response code it carries."""
        return self._rcode

    def addresses(self) -> tuple[bytes, ...]:
        """The packed addresses of its answer section, as they stand there: those of A and AAAA records (RFC
        1035 3.4.1, RFC 3596 2.2) and those that SVCB and HTTPS records hint at (RFC 9460 7.3).

        Read when asked for: most generations have no rule that wants them.
        """
        body, found = self._body, []
        for offset in self._offsets[: self._counts[0]]:  # a TTL stands between type and length of the RDATA
            rtype, length = _SHORT(body, offset - 4)[0], _SHORT(body, offset + 4)[0]
            rdata = offset + 6
            if _ADDRESS_OCTETS.get(rtype) == length:
                found.append(body[rdata : rdata + length])
            elif rtype in _BOUND:
                found += read_binding(body, rdata, rdata + length).addresses(body)
        return tuple(found)

    def render(self, query: Query, age: int) -> bytes:
        """The reply for one client, `age` whole seconds after it was stored."""
        body: bytes | bytearray = self._body
        if age > 0 and self._offsets:
            body = bytearray(body)
            for offset, ttl in zip(self._offsets, self._ttls, strict=True):
                _LONG(body, offset, ttl - age if ttl > age else 0)
        answers, authorities, additionals = self._counts
        flags = _ANSWERED | query.flags & KEPT_FLAGS | self._rcode
        if query.size == NO_EDNS:
            return _HEADER(query.id, flags, 1, answers, authorities, additionals) + query.question + body
        tail = self._opts[query.dnssec]
        if query.extras:
            tail = with_options(tail, query.extras)
        return (
            _HEADER(query.id, flags, 1, answers, authorities, additionals + 1) + query.question + body + tail
        )

    def alone(self, query: Query) -> bytes:
        """Its rcode and its reason, without its records."""
        return reply(query, self._rcode, (0, 0, 0), b"", self._opts[query.dnssec])

    def stale(self, query: Query) -> bytes:
        """The reply for one client when its lifetime is over: better than none (RFC 8767 4)."""
        body = write_ttls(self._body, self._offsets, [STALE_TTL] * len(self._offsets))
        opts = _STALE_OPTS.get(self._rcode, self._opts)
        return reply(query, self._rcode, self._counts, body, opts[query.dnssec])

    def pack(self) -> bytes:
        """The answer as octets for a file: the message as it was stored, but for its question.

        Whoever keeps an answer keeps the question with it, as the key, and the time when it was stored.
        """
        return _HEADER(0, registry.QR | self._rcode, 1, *self._counts) + self._body

    @classmethod
    def unpack(cls, octets: bytes, question: bytes, stored: float) -> Relay:
        """What `pack` made, read again. Raises WireError when the octets are no answer.

        `question` is the question section (any case), `stored` as in `Relay`. The octets are walked as if
        an upstream had sent them, so a damaged file can do no more than an upstream could.
        """
        return cls(walk(octets[:12] + question + octets[12:]), stored)


def upstream_query(query: Query, number: int, with_edns: bool = True) -> bytes:
    """The question as we ask it: built anew, so that nothing but the question and DO, CD travel.

    RFC 6891 6.2.5: we ask for 1232 octets. No client subnet is sent (RFC 7871 11.1), and the
    client's options stay here.
    """
    flags = registry.RD | (query.flags & registry.CD)
    if not with_edns:
        return _HEADER(number, flags, 1, 0, 0, 0) + query.question
    return _HEADER(number, flags, 1, 0, 0, 1) + query.question + PLAIN_OPT[query.dnssec]
