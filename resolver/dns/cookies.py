"""DNS cookies (RFC 7873) on the wire: how they are taken apart, made, and proven. Pure.

A COOKIE option holds 8 octets that a client chose, and behind them, once it has one, what a server
gave it:

    client cookie   8 octets
    server cookie   8 to 32 octets; ours are 16 (RFC 9018 4), so that servers of other makers behind one
                    address could prove them too:

                    version 1 | reserved, 3 | seconds since 1970, 4 | hash, 8

The hash is SipHash-2-4, keyed with a secret, over client cookie, version, reserved, time and client
address (RFC 9018 4.4). Whoever shows a server cookie has therefore received a reply at that address
within the last hour: it does not forge its source.

Secrets, clocks and what is remembered are `resolver.serving.cookies`; here they are arguments.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from resolver.dns import registry
from resolver.dns.edns import opt
from resolver.dns.query import CookieQuery

CLIENT_OCTETS: Final = 8
"""A client cookie (RFC 7873 4)."""

SERVER_OCTETS: Final = 16
"""A server cookie of ours (RFC 9018 4)."""

SECRET_OCTETS: Final = 16
"""A key of SipHash-2-4."""

LIFETIME: Final = 3600
"""Seconds that a server cookie proves something (RFC 9018 4.3)."""

AHEAD: Final = 300
"""Seconds that the clock of whoever made it may be ahead of ours (RFC 9018 4.3)."""

RENEWAL: Final = 1800
"""Seconds after which a client is given a new one in its place (RFC 9018 4.3)."""

_LENGTHS: Final = frozenset((CLIENT_OCTETS, *range(16, 41)))
"""Octets that the option may have (RFC 7873 5.2.2): a client cookie, with 8 to 32 of a server or none."""

_VERSION: Final = 1
_HEAD: Final = Struct(">B3xI").pack
_TIME: Final = Struct(">4xI").unpack_from

_Words = tuple[int, int, int, int]
_HEADER: Final = Struct(">HHHHHH").pack
_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_KEY: Final = Struct("<QQ").unpack
_WORD: Final = Struct("<Q")


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """Client cookie and server cookie (b"" when there is none); None when the option is malformed."""
    if len(data) not in _LENGTHS:
        return None
    return data[:CLIENT_OCTETS], data[CLIENT_OCTETS:]


def server_cookie(secret: bytes, client: bytes, address: bytes, now: int) -> bytes:
    """The server cookie for a client cookie and a packed client address; `now` is seconds since 1970."""
    head = _HEAD(_VERSION, now & 0xFFFF_FFFF)
    return head + siphash(secret, client + head + address)


def made(server: bytes) -> int | None:
    """When a server cookie of our form says that it was made, modulo 2^32; None for another form."""
    if len(server) != SERVER_OCTETS or server[0] != _VERSION:
        return None
    return int(_TIME(server)[0])


def age(server: bytes, now: int) -> int | None:
    """Seconds since it was made, below 0 when that is ahead of us; None when it is of another form, too
    old, or too far ahead. Serial number arithmetic, so that it holds after 2106 (RFC 9018 4.3)."""
    stamp = made(server)
    if stamp is None:
        return None
    seconds = (now - stamp + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
    return seconds if -AHEAD <= seconds <= LIFETIME else None


def proven(secret: bytes, client: bytes, server: bytes, address: bytes) -> bool:
    """Whether we made this server cookie with this secret, for this client at this address.

    The reserved octets are hashed as they came and may hold anything (RFC 9018 4.2). Its age is
    another question. Both hashes differ in a time that depends on what they are, which tells whoever
    measures it nothing: a guess costs a query for each of 2^64, and is worth an hour.
    """
    return siphash(secret, client + server[:8] + address) == server[8:]


def reply(query: CookieQuery, rcode: int, options: bytes) -> bytes:
    """The reply to a query without a question: a header, and an OPT with these options (RFC 7873 5.4)."""
    flags = registry.QR | registry.RA | (query.flags & registry.RD) | (rcode & registry.RCODE_MASK)
    return _HEADER(query.id, flags, 0, 0, 0, 1) + opt(query.dnssec, options, rcode=rcode)


def siphash(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4 (Aumasson and Bernstein, 2012) of the data, 8 octets, under a key of 16."""
    k0, k1 = _KEY(key)
    state = (
        k0 ^ 0x736F_6D65_7073_6575,
        k1 ^ 0x646F_7261_6E64_6F6D,
        k0 ^ 0x6C79_6765_6E65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    )
    whole = data + b"\0" * (7 - len(data) % 8) + bytes((len(data) & 0xFF,))
    for (word,) in _WORD.iter_unpack(whole):
        v0, v1, v2, v3 = state
        v0, v1, v2, v3 = _mixed((v0, v1, v2, v3 ^ word), 2)
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _mixed((v0, v1, v2 ^ 0xFF, v3), 4)
    return _WORD.pack(v0 ^ v1 ^ v2 ^ v3)


def _mixed(state: _Words, rounds: int) -> _Words:
    """The four words after some rounds of additions, rotations and exclusive ors."""
    v0, v1, v2, v3 = state
    for _ in range(rounds):
        v0 = v0 + v1 & _MASK
        v1 = (v1 << 13 & _MASK | v1 >> 51) ^ v0
        v0 = v0 << 32 & _MASK | v0 >> 32
        v2 = v2 + v3 & _MASK
        v3 = (v3 << 16 & _MASK | v3 >> 48) ^ v2
        v0 = v0 + v3 & _MASK
        v3 = (v3 << 21 & _MASK | v3 >> 43) ^ v0
        v2 = v2 + v1 & _MASK
        v1 = (v1 << 17 & _MASK | v1 >> 47) ^ v2
        v2 = v2 << 32 & _MASK | v2 >> 32
    return v0, v1, v2, v3
