"""What a rule answers itself (`resolver.rules.side.Answer`) → octets.

    silent           nothing is sent, and nothing here is asked
    by_tcp           over UDP TC alone; over TCP as if there were no rule         no extended error
    an rcode         that rcode; NXDOMAIN with an SOA                             15, Blocked
    no records       NODATA: NOERROR with an SOA                                  15, Blocked
    records          those of the type asked (ANY: all of them)                   4, Forged Answer
                     none of that type: NODATA                                    4, Forged Answer
    a CNAME          the CNAME, then what its target has, resolved                4, Forged Answer

RFC 8914 4.5 keeps Forged Answer for an answer that is provided, 4.16 Blocked for a name on the list of
whoever runs the resolver. A rewritten name that has no record of one type is not blocked, so it stays
with 4. A client that asks for structured errors must not be told of a Forged Answer, and is told nothing
(draft-ietf-dnsop-structured-dns-error). AD is clear as always (`resolver.dns.answers`), and signatures
of the real answer are not given.

A record of our own (`resolver.policy.local`) is answered in the same way and without an extended error: it
is the truth of this network, not something put in its place.

What is made is a `Relay`, as if an upstream had said it: it counts down and may become a flow.

`settled` comes first: it takes back what a rule says that means "no rule" for this very question, and
puts the qname into a CNAME that begins with `*`. This module must not know sockets or caches.
"""

from __future__ import annotations

from typing import Final

from resolver.dns import registry
from resolver.dns.answers import Relay
from resolver.dns.blocking import BLOCKED_REASON, record, soa
from resolver.dns.edns import PLAIN_OPT, extended_error, opt
from resolver.dns.expand import Loose, take_out
from resolver.dns.query import Query, name_end
from resolver.dns.records import TTL_CAP, Walk
from resolver.dns.structured import asks
from resolver.errors import WireError
from resolver.policy.decide import ALLOW, NONE, Ruling
from resolver.rules.model import ALLOWED
from resolver.rules.side import Answer, Record

MAX_OCTETS: Final = 60_000
"""Octets of the records of one answer: with header, question and OPT they fit into a message."""

_WILD: Final = b"\x01*"
_QNAME: Final = b"\xc0\x0c"
_TTL_OFFSET: Final = 4
"""Octets of type and class, which stand between an owner and its TTL."""

_NO_FOLLOWING: Final = (
    registry.CNAME,
    registry.ANY,
    registry.AXFR,
    registry.IXFR,
    registry.TKEY,
    registry.TSIG,
)
"""Types for which a CNAME is the whole answer: it is what was asked, or nothing more may be asked."""


Opts = tuple[bytes, bytes]
"""The OPT records of an answer, without and with DO."""


def _opts(code: int, text: str) -> Opts:
    """The OPT records, without and with DO, that give a reason."""
    return opt(False, extended_error(code, text)), opt(True, extended_error(code, text))


FORGED: Final = _opts(registry.EDE_FORGED, "answered by the policy of this network")
"""The OPT records of an answer that a rule gives in place of the real one."""
OWN: Final = PLAIN_OPT
"""Those of a record of our own."""
MADE: Final = _opts(registry.EDE_SYNTHESIZED, "made from IPv4 addresses (DNS64)")
"""Those of what stands for the name of an IPv4 address (RFC 6147 5.3.1)."""
BLOCKED: Final = _opts(*BLOCKED_REASON)
"""Those of an answer in which a rule denies a name."""
_REBOUND: Final = _opts(registry.EDE_BLOCKED, "a public name must not lead into this private network")
_TOO_LONG: Final = _opts(registry.EDE_INVALID_DATA, "the answer of a rule does not fit into a message")


def settled(ruling: Ruling, folded: bytes, udp: bool) -> Ruling:
    """What a ruling comes to for this name over this transport.

    TCP-ONLY over TCP is no rule. A CNAME to the qname itself lets it pass (the oldest form of PASSTHRU
    in response policy zones; for AdGuard Home a rewrite to itself is an exception). One that begins with
    `*` gets the qname in its place; if that is longer than a name may be, the name does not exist.
    """
    answer = ruling.answer
    if answer is None or answer.silent:
        return ruling
    if answer.by_tcp:
        return ruling if udp else Ruling(NONE, None, ruling.common)
    target = cname_of(answer)
    if target is None:
        return ruling
    if target.startswith(_WILD):
        target = folded[:-1] + target[len(_WILD) :]
    if target == folded:
        return ALLOW if ruling.common else Ruling(ALLOWED, None, False)
    if not target or name_end(target, 0) != len(target):  # 0 where it is no name, or too long for one
        return ruling._replace(answer=Answer(rcode=registry.NXDOMAIN))
    return ruling._replace(answer=Answer(records=(Record(registry.CNAME, target),), ttl=answer.ttl))


def cname_of(answer: Answer) -> bytes | None:
    """The wire name that an answer leads to, if it does."""
    if answer.rcode != registry.NOERROR:
        return None
    return next((one.rdata for one in answer.records if one.rtype == registry.CNAME), None)


def follow(answer: Answer, query: Query) -> Query | None:
    """The question for where a CNAME leads, as it is looked up; None when nothing is to be looked up.

    RD=0 asks for what is here, and other classes than IN are not resolved at all.
    """
    target = cname_of(answer)
    if (
        target is None
        or query.qtype in _NO_FOLLOWING
        or query.qclass != registry.CLASS_IN
        or not query.flags & registry.RD
    ):
        return None
    led = Query(0, query.flags, target + query.question[-4:], target, query.qtype, query.qclass)
    led.dnssec = query.dnssec  # its `size` stays NO_EDNS: a reply to it has no OPT to be cut off again
    return led


def forge(
    query: Query, answer: Answer, ttl: int, now: float, opts: Opts = FORGED, blocked: Opts = BLOCKED
) -> Relay:
    """The answer that needs nobody else. `ttl` is the policy's, for rules that name none; seconds.

    `opts` say whether it is FORGED or our OWN; what a rule denies is `blocked` (as this client is told of
    it), what we do not have is not.
    """
    ttl = min(answer.ttl or ttl, TTL_CAP)
    rcode = answer.rcode if answer.rcode <= registry.RCODE_MASK else registry.SERVFAIL
    if rcode or not answer.records:
        return Relay(_negative(query, rcode, ttl), now, blocked if opts is FORGED else opts)
    target = cname_of(answer)
    chosen = (
        [Record(registry.CNAME, target)]
        if target is not None
        else [one for one in answer.records if query.qtype in (one.rtype, registry.ANY)]
    )
    opts = _told(query, opts)
    if not chosen:
        return Relay(_negative(query, rcode, ttl), now, opts)
    if sum(len(one.rdata) + 12 for one in chosen) > MAX_OCTETS:
        return Relay(_negative(query, registry.SERVFAIL, ttl), now, _TOO_LONG)
    body = _Body()
    for one in chosen:
        body.add(_QNAME, record(one.rtype, ttl, one.rdata), ttl)
    return Relay(body.walk(query, rcode, len(chosen)), now, opts)


def compose(
    query: Query, answer: Answer, ttl: int, reply: bytes, now: float, opts: Opts = FORGED
) -> Relay | None:
    """The CNAME of an answer, followed by what its target has.

    `reply` answers `follow(answer, query)`; policy is not asked about it: a rule that leads somewhere
    means it (as response policy zones have it). None when the target cannot be resolved: a failure, more
    than fits, or a chain that comes back to the qname.
    """
    target, ttl = cname_of(answer) or b"\0", min(answer.ttl or ttl, TTL_CAP)
    rcode = reply[3] & registry.RCODE_MASK
    if rcode not in (registry.NOERROR, registry.NXDOMAIN):
        return None
    try:
        answers, authorities = take_out(reply)
    except WireError:
        return None
    body = _Body()
    body.add(_QNAME, record(registry.CNAME, ttl, target), ttl)
    # The target's name stands behind the question, an owner pointer and the ten octets of a record.
    where = (0xC000 | 12 + len(query.question) + 12).to_bytes(2, "big")
    for one in (*answers, *authorities):
        folded = one.owner.lower()
        if folded == query.folded:
            return None
        owner = where if folded == target else one.owner
        body.add(owner, _written(one, owner), min(one.ttl, TTL_CAP))
    if len(body.octets) > MAX_OCTETS:
        return None
    return Relay(body.walk(query, rcode, 1 + len(answers), len(authorities)), now, _told(query, opts))


def _told(query: Query, opts: Opts) -> Opts:
    """The OPT records for this client; see the module for who is not told of Forged Answer."""
    return PLAIN_OPT if opts is FORGED and query.options and asks(query.options) else opts


def withheld(query: Query, ttl: int) -> bytes:
    """The reply when the real answer leads from a public name into a private network (DNS rebinding).

    NODATA, not REFUSED: a client that is refused asks another resolver.
    """
    return Relay(_negative(query, registry.NOERROR, ttl), 0.0, _REBOUND).render(query, 0)


def _written(one: Loose, owner: bytes) -> bytes:
    """A record on the wire. Its class is IN, like that of the question it answers."""
    return record(one.rtype, min(one.ttl, TTL_CAP), one.rdata, owner)


def _negative(query: Query, rcode: int, ttl: int) -> Walk:
    """An answer without a record; NODATA and NXDOMAIN with an SOA of the qname (RFC 2308 2)."""
    body = _Body()
    with_soa = rcode in (registry.NOERROR, registry.NXDOMAIN)
    if with_soa:
        body.add(_QNAME, soa(ttl), ttl)
    return body.walk(query, rcode, 0, int(with_soa))


class _Body:
    """Records under construction, and where their TTLs are."""

    __slots__ = ("octets", "offsets", "ttls")

    def __init__(self) -> None:
        self.octets = bytearray()
        self.offsets: list[int] = []
        self.ttls: list[int] = []

    def add(self, owner: bytes, octets: bytes, ttl: int) -> None:
        """One record, which begins with this owner."""
        self.offsets.append(len(self.octets) + len(owner) + _TTL_OFFSET)
        self.ttls.append(ttl)
        self.octets += octets

    def walk(self, query: Query, rcode: int, answers: int, authorities: int = 0) -> Walk:
        """What a walk over the finished message would find. Where it leads is nobody's concern any more.

        Only what has records may be kept: their TTLs say for how long.
        """
        return Walk(
            registry.QR | rcode,
            rcode,
            query.question,
            bytes(self.octets),
            (answers, authorities, 0),
            tuple(self.offsets),
            tuple(self.ttls),
            min(self.ttls, default=0),
            (),
        )
