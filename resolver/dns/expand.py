"""Records taken out of their message: names written out in full, so that they can stand in another one.

A message saves octets by pointing back at names that it holds already (RFC 1035 4.1.4); such a pointer
means something else in any other message. `take_out` gives the answer section, and of the authority
section the SOA that says how long a negative answer holds (RFC 2308 3); `without` gives a message anew,
some records of its answer section left out.

Names inside RDATA are written out for the types that may be compressed: those of RFC 1035, and those
that receivers must expand all the same (RFC 3597 4). Every other RDATA is taken as it is.

The work is bounded: at most `MAX_RECORDS` records are taken, each holds three names at most, and all names
together have `MAX_OCTETS`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from struct import Struct
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.compression import read_name
from resolver.dns.query import name_end, skip_name
from resolver.errors import WireError

MAX_RECORDS: Final = 32
"""Records that are taken out of one message; people are served far fewer, and a name that a rule leads
to is not worth more work."""

MAX_OCTETS: Final = 4_096
"""Octets of the owners, and of the RDATA that has names to be written out."""

_HEADER: Final = Struct(">HHHHHH")
_FIXED: Final = Struct(">HHIH")
_QNAME: Final = b"\xc0\x0c"
"""A pointer to the question, which always stands at octet 12."""

# Type -> how many octets stand before its names, and how many names. What is behind them is kept.
_NAMES: Final[Mapping[int, tuple[int, int]]] = {
    **dict.fromkeys((registry.NS, registry.CNAME, registry.PTR, registry.DNAME, 3, 4, 7, 8, 9), (0, 1)),
    registry.SOA: (0, 2),
    registry.MX: (2, 1),
    registry.SRV: (6, 1),
    14: (0, 2),  # MINFO
    17: (0, 2),  # RP
    18: (2, 1),  # AFSDB
    21: (2, 1),  # RT
    26: (2, 2),  # PX
}


class Loose(NamedTuple):
    """One record without its message: `owner` is a wire name in full, and so is any name in `rdata`."""

    owner: bytes
    rtype: int
    rclass: int
    ttl: int
    rdata: bytes


def take_out(data: bytes) -> tuple[list[Loose], list[Loose]]:
    """The records of the answer section, and the SOA records of the authority section.

    Raises WireError when they cannot be read, or are more than `MAX_RECORDS`.
    """
    if len(data) < 12:
        raise WireError("shorter than a header", len(data))
    _, _, questions, answers, authorities, _ = _HEADER.unpack_from(data)
    offset = 12
    if questions:
        offset = name_end(data, 12) + 4
    if questions > 1 or offset < 12:
        raise WireError("a question that cannot be read", 12)
    found = _records(data, offset, answers + authorities)
    return found[:answers], [one for one in found[answers:] if one.rtype == registry.SOA]


def without(data: bytes, offset: int, unwanted: Container[int], opt: bytes) -> bytes:
    """The message without some records of its answer section, by index; its records begin at `offset`.

    Authority stays. Of the additional section only `opt` does: the rest helps with records that may be gone,
    and nobody needs it. Raises WireError as `take_out` does.
    """
    number, flags, questions, answers, authorities, _ = _HEADER.unpack_from(data)
    found = _records(data, offset, answers + authorities)
    kept = [one for index, one in enumerate(found) if index >= answers or index not in unwanted]
    counts = len(kept) - authorities, authorities, int(bool(opt))
    qname = data[12 : offset - 4].lower()
    written = (
        (_QNAME if one.owner.lower() == qname else one.owner)
        + _FIXED.pack(one.rtype, one.rclass, one.ttl, len(one.rdata))
        + one.rdata
        for one in kept
    )
    return b"".join((_HEADER.pack(number, flags, questions, *counts), data[12:offset], *written, opt))


def _records(data: bytes, offset: int, count: int) -> list[Loose]:
    """So many records from an offset on. Raises WireError; see the module for the bounds."""
    if count > MAX_RECORDS:
        raise WireError("more records than are taken out of one message", offset)
    found: list[Loose] = []
    octets = 0
    for _ in range(count):
        record, offset = _record(data, offset)
        octets += len(record.owner) + (len(record.rdata) if record.rtype in _NAMES else 0)
        if octets > MAX_OCTETS:
            raise WireError("longer names than are written out", offset)
        found.append(record)
    return found


def _record(data: bytes, offset: int) -> tuple[Loose, int]:
    """The record at an offset, and the offset behind it. Raises WireError."""
    fixed = skip_name(data, offset)
    if not fixed or fixed + 10 > len(data):
        raise WireError("a record runs out of the message", offset)
    rtype, rclass, ttl, length = _FIXED.unpack_from(data, fixed)
    end = fixed + 10 + length
    if end > len(data):
        raise WireError("RDATA runs out of the message", fixed)
    return Loose(read_name(data, offset), rtype, rclass, ttl, _rdata(data, fixed + 10, end, rtype)), end


def _rdata(data: bytes, start: int, end: int, rtype: int) -> bytes:
    """RDATA with its names written out. Raises WireError when they do not fit into it."""
    before, names = _NAMES.get(rtype, (0, 0))
    parts = [data[start : start + before]]
    at = start + before
    for _ in range(names):
        after = skip_name(data, at)
        if not after or after > end:
            raise WireError("a name that runs out of its RDATA", at)
        parts.append(read_name(data, at))
        at = after
    return b"".join((*parts, data[at:end]))
