"""Which records of an answer belong to its question, and which of them are one RRset.

An answer section holds the chain from the qname on and what is at its end (RFC 1034 4.3.1, RFC 6672 3.1).
Records of other names are there by mistake or by attack: whoever caches them believes things about names
that nobody asked for, and policy judged none of them. So a record belongs when its class is that of the
question and its owner is

    the qname, or where a CNAME that belongs leads, in any order
    for a DNAME and its signature: a name above one of those; where it takes that name belongs as well

`walk` asks here only when a glance at the owners has not settled it; most answers never come here. The work
is bounded by `MAX_ROWS` and `MAX_OCTETS`. This module must not know what is done with what does not belong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.compression import name_at
from resolver.errors import WireError

MAX_DNAMES: Final = 4
"""DNAME records in one answer; each is tried on every link."""

MAX_ROWS: Final = 256
"""Records of one message that are looked at this closely."""

MAX_OCTETS: Final = 3_000
"""Octets of the names that are read for one message; a name spelled the same way twice is read once."""

_NAME_COST: Final = 8
"""What a name costs beside its octets, in octets: as measured with `MAX_HOPS` pointers."""

_MAX_NAME: Final = 255
"""RFC 1035 2.3.4."""

_POINTER: Final = b"\xc0"
_FIXED: Final = Struct(">HHIH").unpack_from
_SHORT: Final = Struct(">H").unpack_from


class Row(NamedTuple):
    """One record: `owner` in lower case, `rdata` its offset.

    `covers` is the type of the RRset that it goes with: its own, or the one that a signature covers.
    """

    owner: bytes
    rtype: int
    rclass: int
    covers: int
    rdata: int


class Names:
    """Names of one message, read within its bounds."""

    __slots__ = ("_data", "_last", "_left", "_name", "_pointers")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_OCTETS
        self._pointers: dict[bytes, bytes] = {}
        self._last, self._name = b"\0", b"\0"

    def at(self, offset: int) -> tuple[bytes, int]:
        """The name at an offset in lower case, and the offset behind it. Raises WireError."""
        data = self._data
        pointer = data[offset : offset + 2]
        known = self._pointers.get(pointer)
        if known is not None:
            return known, offset + 2
        if data.startswith(self._last, offset):  # spelled as the one before
            return self._name, offset + len(self._last)
        name, end = name_at(data, offset)
        self._left -= len(name) + _NAME_COST
        if self._left < 0:
            raise WireError("more names than are read", offset)
        name = name.lower()
        if end == offset + 2 and pointer >= _POINTER:
            self._pointers[pointer] = name
        else:
            self._last, self._name = data[offset:end], name
        return name, end


def rows(data: bytes, offset: int, count: int, names: Names) -> list[Row]:
    """The records from an offset on, which `walk` has stepped over already. Raises WireError when they are
    more than is looked at."""
    if count > MAX_ROWS:
        raise WireError("more records than are looked at one by one", offset)
    found: list[Row] = []
    for _ in range(count):
        owner, fixed = names.at(offset)
        rtype, rclass, _, length = _FIXED(data, fixed)
        rdata = fixed + 10
        covers = _SHORT(data, rdata)[0] if rtype == registry.RRSIG and length > 1 else rtype
        found.append(Row(owner, rtype, rclass, covers, rdata))
        offset = rdata + length
    return found


class Chain(NamedTuple):
    """`links`: every name whose records belong, the qname first, in the order of the way. `above`: owners of
    the DNAME records that took one of them elsewhere."""

    links: dict[bytes, None]
    above: set[bytes]


def chain(answer: Iterable[Row], qname: bytes, names: Names, most: int) -> Chain:
    """The way from the qname (lower case) on. Raises WireError when it has more than `most` links."""
    aliases: dict[bytes, list[bytes]] = {}
    dnames: list[tuple[bytes, bytes]] = []
    for row in answer:
        if row.rtype == registry.CNAME:
            aliases.setdefault(row.owner, []).append(names.at(row.rdata)[0])
        elif row.rtype == registry.DNAME:
            dnames.append((row.owner, names.at(row.rdata)[0]))
    links: dict[bytes, None] = {qname: None}
    above: set[bytes] = set()
    todo = [qname]
    for name in todo:
        led = [*aliases.get(name, ())]
        for owner, target in dnames:
            there = moved(name, owner, target)
            if there:
                above.add(owner)
                led.append(there)
        new = [target for target in dict.fromkeys(led) if target not in links]
        links.update(dict.fromkeys(new))
        todo += new
        if len(links) > most + 1 or len(dnames) > MAX_DNAMES:
            raise WireError("a longer chain than is followed")
    return Chain(links, above)


def moved(name: bytes, owner: bytes, target: bytes) -> bytes:
    """Where a DNAME takes a name (RFC 6672 2.2): the name with its end replaced. All in lower case.

    b"" for a name that is not below the owner, or would be longer than a name may be (YXDOMAIN).
    """
    at, before = 0, len(name) - len(owner)
    if before <= 0 or before + len(target) > _MAX_NAME or not name.endswith(owner):
        return b""
    while at < before:
        at += name[at] + 1
    return name[:before] + target if at == before else b""


def strangers(answer: Sequence[Row], qclass: int, way: Chain) -> frozenset[int]:
    """Indices of the records that do not belong."""
    return frozenset(
        index
        for index, row in enumerate(answer)
        if not (
            qclass in (row.rclass, registry.CLASS_ANY)
            and (row.owner in way.links or (row.covers == registry.DNAME and row.owner in way.above))
        )
    )


def evened(section: Iterable[Row], ttls: Sequence[int]) -> list[int]:
    """The TTLs of a section's records with those of one RRset made equal, to the smallest (RFC 2181 5.2).

    A signature goes with the RRset that it covers: RFC 4034 3 wants their TTLs to be the same.
    """
    least: dict[tuple[bytes, int, int], int] = {}
    keys = [(row.owner, row.covers, row.rclass) for row in section]
    for key, ttl in zip(keys, ttls, strict=True):
        least[key] = min(ttl, least.get(key, ttl))
    return [least[key] for key in keys]
