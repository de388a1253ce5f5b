"""SVCB and HTTPS records on the wire: where they lead, and the addresses that they hint at (RFC 9460).

Such a record can send a client to another name (TargetName, in both of its modes) and straight to addresses
(ipv4hint and ipv6hint), so it is judged as CNAME, A and AAAA are. What is read is read as leniently as any
client could: parameters in any order and more than once, hints with octets to spare. Only RDATA that cannot
be read at all is refused; RFC 9460 2.2 has clients reject the whole RRset then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final, NamedTuple

from resolver.dns.private import FOUR, SIX, is_private
from resolver.dns.query import name_end
from resolver.dns.svcparams import MAX_PARAMETERS
from resolver.errors import WireError

MAX_HINTS: Final = 64
"""Addresses that one record may hint at; clients use the first few."""

_PAIR: Final = Struct(">HH").unpack_from

# SvcParamKeys (RFC 9460 14.3.2) and the octets of one address in their values (RFC 9460 7.3).
_HINTS: Final[Mapping[int, int]] = {4: 4, 6: 16}

# The first two octets of addresses of so many octets that may be private, and the first octet alone.
_HEADS: Final[Mapping[int, frozenset[bytes]]] = {4: FOUR, 16: SIX}
_FIRSTS: Final[Mapping[int, frozenset[int]]] = {
    4: frozenset(head[0] for head in FOUR),
    16: frozenset(head[0] for head in SIX),
}


class Binding(NamedTuple):
    """What one record says.

    target  in lower case; the root where it names nobody else (RFC 9460 2.5)
    hints   where the addresses stand: offsets of the first and of what is behind, octets of each
    parts   how many parameters and hints there are
    """

    target: bytes
    hints: Sequence[tuple[int, int, int]]
    parts: int

    def addresses(self, data: bytes) -> list[bytes]:
        """The packed addresses that it hints at."""
        return [data[at : at + size] for first, end, size in self.hints for at in range(first, end, size)]

    def is_private(self, data: bytes) -> bool:
        """Whether a hint is in a network that a public name must not lead to."""
        for first, end, size in self.hints:
            if _FIRSTS[size].isdisjoint(data[first:end:size]):
                continue
            heads = _HEADS[size]
            for at in range(first, end, size):
                if data[at : at + 2] in heads and is_private(data[at : at + size]):
                    return True
        return False


def read_binding(data: bytes, start: int, end: int) -> Binding:
    """Read the RDATA between two offsets. Raises WireError when it cannot be read or is too long.

    TargetName is not compressed (RFC 9460 2.2). A priority stands before it, parameters behind.
    """
    at = start + 3
    if at > end:
        raise WireError("an SVCB record without TargetName", start)
    if data[at - 1]:
        at = name_end(data, start + 2)
        if not at or at > end:
            raise WireError("a TargetName that cannot be read", start)
    target = data[start + 2 : at].lower()
    hints: list[tuple[int, int, int]] = []
    count = hinted = 0
    while at < end:
        count += 1
        if at + 4 > end or count > MAX_PARAMETERS:
            raise WireError("parameters of an SVCB record that cannot be read", at)
        key, length = _PAIR(data, at)
        at += 4 + length
        if at > end:
            raise WireError("a parameter that runs out of its SVCB record", at)
        if key in _HINTS:
            size = _HINTS[key]
            hinted += length // size
            if hinted > MAX_HINTS:
                raise WireError("more hints than are read", at)
            hints.append((at - length, at - length % size, size))
    return Binding(target, hints, count + hinted)
