"""DNS64: IPv6 addresses for names that have none, so that a network without IPv4 reaches them (RFC 6147).

A translator (NAT64) stands at the edge of such a network. It takes every packet to an address in its prefix
for one to the IPv4 address that is embedded there. `Prefix64` knows the prefix and makes those addresses:

    wants        whether a question is one for which addresses may be made
    lacks        whether what the internet says to it leaves something to be made
    question     the A question to ask then
    synthesise   the answer, made from the answer to that one
    reverse      the question for the name of an embedded address
    discovery    the answer by which a client finds out the prefix (RFC 7050)

    bits of the prefix    32   40   48   56   64   96            (RFC 6052 2.2)
    octets behind it      v4   v4.. v4.. v4.. u    v4            `u`, octet 8, is zero and is stepped over

Policy comes first and last: the A answer is judged like any other, and so is what is made of it, as its
aliases stay in it. Nothing is made for a client that validates for itself, DO and CD set: to it the
addresses would be forged (RFC 6147 5.5, case 3). What is made says so in an extended error. This module
must not know caches or upstreams.
"""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import Final

from resolver.dns import registry
from resolver.dns.answers import Relay, reply
from resolver.dns.blocking import record
from resolver.dns.edns import extended_error, opt
from resolver.dns.expand import Loose, take_out
from resolver.dns.names import ROOT, from_text, labels
from resolver.dns.query import Query
from resolver.dns.records import TTL_CAP, walk
from resolver.errors import WireError

LENGTHS: Final = (32, 40, 48, 56, 64, 96)
"""Bits that a prefix may have (RFC 6052 2.2)."""

WELL_KNOWN: Final = "64:ff9b::/96"
"""The prefix that any network may use for its translator (RFC 6052 2.1)."""

NO_SOA_SECONDS: Final = 600
"""How long what is made may be kept if the answer without IPv6 addresses did not say (RFC 6147 5.1.7)."""

_HEADER: Final = Struct(">HHHHHH").pack
_QNAME: Final = b"\xc0\x0c"
_U: Final = 8
"""The octet that is zero in every address with an embedded one."""

_MAPPED: Final = bytes(10) + b"\xff\xff"
"""::ffff:0:0/96: IPv4 addresses in IPv6 clothes, of no use on a network without IPv4 (RFC 6147 5.1.4)."""

# RFC 6052 3.1: in the well-known prefix no address may stand that is not global (RFC 1918, RFC 5735 3, RFC
# 6598), as everybody's translator would take it for one of its own network. Addresses of documents may: RFC
# 6052 2.4 itself does so.
_NOT_GLOBAL: Final = tuple(
    (int(network.network_address) >> 32 - network.prefixlen, 32 - network.prefixlen)
    for network in map(
        ipaddress.IPv4Network,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
        "192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4".split(),
    )
)

_IP6: Final = from_text("ip6.arpa")
_IN_ADDR: Final = from_text("in-addr.arpa")
_REVERSE_OCTETS: Final = 32 * 2 + len(_IP6)
_NIBBLES: Final = frozenset(b"0123456789abcdef")

_IPV4ONLY: Final = from_text("ipv4only.arpa")
_IPV4ONLY_ADDRESSES: Final = (b"\xc0\0\0\xaa", b"\xc0\0\0\xab")
"""192.0.0.170 and 192.0.0.171 (RFC 7050 8.2)."""
_IPV4ONLY_SECONDS: Final = 10_800

_MADE: Final = extended_error(registry.EDE_SYNTHESIZED, "made from IPv4 addresses (DNS64)")
_OPTS: Final = (opt(False, _MADE), opt(True, _MADE))


class Prefix64:
    """The prefix of a network's translator. Immutable."""

    __slots__ = ("_bits", "_head", "_well_known")

    def __init__(self, text: str) -> None:
        """`64:ff9b::/96`, or a prefix of the network's own. Raises ValueError."""
        prefix = ipaddress.IPv6Network(text)
        if prefix.prefixlen not in LENGTHS or prefix.network_address.packed[_U]:
            raise ValueError(f"`{text}` is no prefix for embedded addresses (RFC 6052 2.2)")
        self._bits: Final = prefix.prefixlen
        self._head: Final = prefix.network_address.packed[: prefix.prefixlen // 8]
        self._well_known: Final = prefix == ipaddress.IPv6Network(WELL_KNOWN)

    def embed(self, packed: bytes) -> bytes:
        """The IPv6 address that stands for an IPv4 address, both packed."""
        if self._bits == 96:
            return self._head + packed
        before = _U - len(self._head)
        return (self._head + packed[:before] + b"\0" + packed[before:]).ljust(16, b"\0")

    def extract(self, address: bytes) -> bytes | None:
        """The IPv4 address that is embedded in an IPv6 address; None if none is."""
        if not address.startswith(self._head):
            return None
        rest = address[len(self._head) :]
        before = _U - len(self._head)
        packed = rest[:4] if self._bits == 96 else rest[:before] + rest[before + 1 : 5]
        return packed if self.embed(packed) == address else None

    def wants(self, query: Query) -> bool:
        """Whether addresses may be made for this question."""
        return (
            query.qtype == registry.AAAA
            and query.qclass == registry.CLASS_IN
            and not (query.dnssec and query.flags & registry.CD)
        )

    def lacks(self, relay: Relay | None) -> bool:
        """Whether this answer to a question for IPv6 addresses (None: none came) calls for made ones.

        NXDOMAIN does not: there is no such name (RFC 6147 5.1.2). Any other failure does, as servers that
        do not know the type fail in many ways (RFC 4074), and so does silence (5.1.3); and addresses of
        which none can be used (5.1.4).
        """
        if relay is None or relay.rcode not in (registry.NOERROR, registry.NXDOMAIN):
            return True
        if relay.rcode == registry.NXDOMAIN:
            return False
        return all(packed.startswith(_MAPPED) for packed in relay.addresses() if len(packed) == 16)

    def question(self, query: Query) -> Query:
        """The question for the IPv4 addresses of the same name."""
        return _question(query, query.question[:-4], registry.A)

    def synthesise(
        self, query: Query, reply: bytes, now: float, seconds: int = NO_SOA_SECONDS
    ) -> Relay | None:
        """The answer to `query`, made from the whole reply to `question(query)`.

        `seconds` is how long the answer without IPv6 addresses may be kept; what is made is not kept for
        longer (RFC 6147 5.1.7). Aliases stay as they are (5.1.5). None when there is nothing to make
        it from: then that answer stands.
        """
        try:
            walked = walk(reply)
            answers, _ = take_out(reply)
            if walked.rcode != registry.NOERROR:
                return None
            made = [one for one in (self._made(each, seconds) for each in answers) if one is not None]
            if not any(one.rtype == registry.AAAA for one in made):
                return None
            # Walked like what comes from outside, so that it is judged like that.
            found = walk(_message(query, made))
        except WireError:
            return None
        return Relay(found._replace(private=found.private or walked.private), now, _OPTS)

    def _made(self, one: Loose, seconds: int) -> Loose | None:
        """A record of the A answer as it stands in the made one; None: it does not.

        Signatures go: they are of what was not asked for.
        """
        if one.rtype in (registry.CNAME, registry.DNAME):
            return one
        if one.rtype != registry.A or len(one.rdata) != 4:
            return None
        if self._well_known and _is_not_global(one.rdata):
            return None
        return one._replace(rtype=registry.AAAA, ttl=min(one.ttl, seconds), rdata=self.embed(one.rdata))

    def reverse(self, query: Query) -> Query | None:
        """The question for the name of the IPv4 address in a reverse name; None for every other question.

        RFC 6147 5.3.1: the answer is a CNAME that leads there, and what is found there. The well-known
        prefix is looked at whatever ours is.
        """
        if query.qtype != registry.PTR or query.qclass != registry.CLASS_IN:
            return None
        address = _address_of(query.folded)
        if address is None:
            return None
        packed = self.extract(address) or _DEFAULT.extract(address)
        if packed is None:
            return None
        name = b"".join(_decimal(octet) for octet in reversed(packed)) + _IN_ADDR
        return _question(query, name, registry.PTR)

    def discovery(self, query: Query) -> bytes | None:
        """The reply to a question for the IPv6 addresses of ipv4only.arpa; None for every other question.

        The name has two known IPv4 addresses and no others, so whoever gets IPv6 ones reads the prefix
        from them (RFC 7050 3; RFC 8880 7.1: made here, and not asked of anybody).
        """
        if query.folded != _IPV4ONLY or not self.wants(query):
            return None
        body = b"".join(
            record(registry.AAAA, _IPV4ONLY_SECONDS, self.embed(packed)) for packed in _IPV4ONLY_ADDRESSES
        )
        counts = (len(_IPV4ONLY_ADDRESSES), 0, 0)
        return reply(query, registry.NOERROR, counts, body, _OPTS[query.dnssec])


_DEFAULT: Final = Prefix64(WELL_KNOWN)


def _question(query: Query, name: bytes, qtype: int) -> Query:
    """Another question of the same client. Its `size` stays NO_EDNS: a reply to it is for us, without OPT."""
    question = name + qtype.to_bytes(2, "big") + query.question[-2:]
    other = Query(0, query.flags, question, name.lower(), qtype, query.qclass)
    other.dnssec = query.dnssec
    return other


def _message(query: Query, answers: list[Loose]) -> bytes:
    """A message with these answers, as it would have come."""
    body = b"".join(
        record(
            one.rtype,
            min(one.ttl, TTL_CAP),
            one.rdata,
            _QNAME if one.owner.lower() == query.folded else one.owner,
        )
        for one in answers
    )
    return _HEADER(query.id, registry.QR, 1, len(answers), 0, 0) + query.question + body


def _is_not_global(packed: bytes) -> bool:
    """Whether an IPv4 address is one of a private network, of a group, or of nobody."""
    number = int.from_bytes(packed, "big")
    return any(number >> shift == first for first, shift in _NOT_GLOBAL)


def _address_of(folded: bytes) -> bytes | None:
    """The address of a reverse name: 32 hexadecimal digits, the last one first (RFC 3596 2.5)."""
    if len(folded) != _REVERSE_OCTETS or not folded.endswith(_IP6):
        return None
    digits = labels(folded[: -len(_IP6)] + ROOT)
    if len(digits) != 32 or not all(len(digit) == 1 and digit[0] in _NIBBLES for digit in digits):
        return None
    return bytes.fromhex(b"".join(reversed(digits)).decode("ascii"))


def _decimal(octet: int) -> bytes:
    """A label with a number (RFC 1035 3.5)."""
    text = b"%d" % octet
    return bytes((len(text),)) + text
