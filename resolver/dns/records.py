"""One walk over a response: where its TTLs are, how long it lives, which names it leads to.

A response is relayed as the octets that came (RFC 5625: what we do not understand passes unharmed);
this walk finds the few places that must change or must be judged. It follows no pointers but those
of CNAME targets, and does a bounded amount of work: `MAX_STEPS` in all, for whatever 64 KB hold.

The OPT is hop-by-hop (RFC 6891 7) and is cut off; so is anything behind it, since names there could
point into what was cut.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.query import name_end, skip_name
from resolver.errors import WireError

MAX_STEPS: Final = 6_000
"""Steps taken in one message: one for a label of an owner, more for the following."""

RECORD_STEPS: Final = 5
"""What a record costs beside a label, as measured. So 1 200 records are read at most; no RRset that
is served to people comes near, and a full 64 KB of A records would take twice the time allowed."""

TARGET_STEPS: Final = 2
"""What an octet of a CNAME target costs, as measured with one pointer to each label."""

MAX_HOPS: Final = 127
"""Pointers followed for one name: no more than it can have labels (RFC 1035 2.3.4)."""

MAX_CHAIN: Final = 16
"""CNAME records in one answer; a longer chain is an attack or a loop."""

TTL_CAP: Final = 604_800
"""Seconds: a TTL is never more than seven days (RFC 8767 4)."""

_HEADER: Final = Struct(">HHHHHH").unpack_from
_FIXED: Final = Struct(">HHIH").unpack_from
_LONG: Final = Struct(">I").unpack_from


class Walk(NamedTuple):
    """What the walk found.

    flags      the second header word
    rcode      with the upper bits of the OPT (RFC 6891 6.1.3)
    question   the question section, as sent; empty when there is none
    body       the records, OPT cut off
    counts     records kept: answer, authority, additional
    offsets    where the TTLs are, as offsets in `body`
    ttls       their values, in seconds, capped; that of a negative answer's SOA is its MINIMUM
               where smaller (RFC 2308 5)
    lifetime   seconds that the answer may be kept, or 0: not at all
    targets    lower-cased wire names of the CNAME targets, in order
    negative   whether it says that there is nothing of the type asked (RFC 2308 2)
    private    whether an A, AAAA, SVCB or HTTPS record in it holds an address of a private network
    options    RDATA of the OPT: b"" for most
    """

    flags: int
    rcode: int
    question: bytes
    body: bytes
    counts: tuple[int, int, int]
    offsets: tuple[int, ...]
    ttls: tuple[int, ...]
    lifetime: int
    targets: tuple[bytes, ...]
    negative: bool = False
    private: bool = False
    options: bytes = b""


def read_name(data: bytes, offset: int) -> bytes:
    """The wire name at an offset, pointers followed. Raises WireError.

    Pointers must go backwards (RFC 1035 4.1.4: "a prior occurrence"), each further back than the
    last, so a loop is impossible; labels are bounded by the 255 octets of a name, pointers by
    MAX_HOPS. One into the header is refused: the header is written anew for each client, so the
    client would not read the name that was judged.
    """
    parts: list[bytes] = []
    total, limit, position, hops = 0, offset, offset, 0
    while True:
        if position >= len(data):
            raise WireError("a name runs out of the message", position)
        length = data[position]
        if length == 0:
            return b"".join(parts) + b"\0"
        if length >= 0xC0:
            if position + 2 > len(data):
                raise WireError("half a pointer", position)
            target = (length & 0x3F) << 8 | data[position + 1]
            hops += 1
            if target >= limit or target < 12 or hops > MAX_HOPS:
                raise WireError("a pointer that does not lead back to a name", position)
            limit = position = target
            continue
        if length > 63:
            raise WireError("a label of a type not in use", position)
        total += length + 1
        if total > 254 or position + 1 + length > len(data):
            raise WireError("a name that is too long", position)
        parts.append(data[position : position + 1 + length])
        position += length + 1


class _Walker:
    """The state of one walk; lives for one call."""

    __slots__ = ("data", "lifetime", "negative", "offset", "offsets", "steps", "targets", "ttls")

    def __init__(self, data: bytes, offset: int) -> None:
        self.data = data
        self.offset = offset
        self.steps = 0
        self.offsets: list[int] = []
        self.ttls: list[int] = []
        self.targets: list[bytes] = []
        self.lifetime = TTL_CAP
        self.negative = -1

    def owner_end(self) -> int:
        """Offset behind the owner of the record at `offset`."""
        data, position = self.data, self.offset
        try:
            while True:
                length = data[position]
                if length >= 0xC0:
                    return position + 2
                if length == 0:
                    return position + 1
                if length > 63 or self.steps > MAX_STEPS:
                    raise WireError("an owner name that cannot be read", position)
                self.steps += 1
                position += length + 1
        except IndexError:
            raise WireError("a record runs out of the message", position) from None

    def record(self, authority: bool) -> tuple[int, int, int, int]:
        """Step over one record: its type, its TTL field, start and end of its RDATA."""
        self.steps += RECORD_STEPS
        fixed = self.owner_end()
        data = self.data
        if self.steps > MAX_STEPS:
            raise WireError("more records than are read", fixed)
        if fixed + 10 > len(data):
            raise WireError("a record runs out of the message", fixed)
        rtype, _, ttl, length = _FIXED(data, fixed)
        start = fixed + 10
        end = start + length
        if end > len(data):
            raise WireError("RDATA runs out of the message", start)
        if rtype != registry.OPT:
            self.offset = end
            # RFC 2181 8 has a TTL of 31 bits; RFC 8767 4 reads the high bit as a large value.
            seconds = ttl if ttl < TTL_CAP else TTL_CAP
            if rtype == registry.SOA and authority and length >= 22:
                # RFC 2308 5: a negative answer lives for the smaller of the SOA's TTL and MINIMUM.
                seconds = min(seconds, _LONG(data, end - 4)[0])
                self.negative = seconds
            self.offsets.append(fixed + 4)
            self.ttls.append(seconds)
            if seconds < self.lifetime:
                self.lifetime = seconds
        return rtype, ttl, start, end

    def follow(self, start: int, end: int) -> None:
        """Note where a CNAME leads. What is judged must be the whole RDATA, as every client reads it."""
        if skip_name(self.data, start) != end:
            raise WireError("a CNAME whose RDATA is not one name", start)
        target = read_name(self.data, start).lower()
        self.targets.append(target)
        self.steps += TARGET_STEPS * len(target)
        if len(self.targets) > MAX_CHAIN or self.steps > MAX_STEPS:
            raise WireError("a longer chain of CNAME records than is followed", start)


def walk(data: bytes) -> Walk:
    """Walk a whole response. Raises WireError when it cannot be relayed as it is."""
    if len(data) < 12:
        raise WireError("shorter than a header", len(data))
    _, flags, questions, answers, authorities, additionals = _HEADER(data)
    if questions > 1:
        raise WireError("more than one question", 4)
    start = 12
    if questions:
        end = name_end(data, 12)
        if not end or end + 4 > len(data):
            raise WireError("a question that cannot be read", 12)
        start = end + 4
    state = _Walker(data, start)
    asked = int.from_bytes(data[start - 4 : start - 2], "big") if questions else 0
    has_data = _answers(state, answers, asked)
    for _ in range(authorities):
        _refuse_opt(state, state.record(authority=True)[0])
    kept, upper = _additional(state, additionals)
    rcode = flags & registry.RCODE_MASK | upper << 4
    negative = rcode == registry.NXDOMAIN or not has_data
    return Walk(
        flags,
        rcode,
        data[12:start],
        data[start : state.offset],
        (answers, authorities, kept),
        tuple(offset - start for offset in state.offsets),
        tuple(state.ttls),
        _lifetime(state, rcode, negative),
        tuple(state.targets),
        negative,
    )


def _answers(state: _Walker, count: int, asked: int) -> bool:
    """Step over the answer section: whether it holds a record of the type asked.

    RFC 2308 2.2: CNAME records (and their signatures) that lead to nothing are a negative answer.
    """
    has_data = False
    for _ in range(count):
        rtype, _, rdata, end = state.record(authority=False)
        _refuse_opt(state, rtype)
        has_data = has_data or asked in (rtype, registry.ANY)
        if rtype == registry.CNAME:
            state.follow(rdata, end)
    return has_data


def _refuse_opt(state: _Walker, rtype: int) -> None:
    """RFC 6891 6.1.1: an OPT stands in the additional section. Elsewhere it could not be cut off."""
    if rtype == registry.OPT:
        raise WireError("an OPT outside the additional section", state.offset)


def _additional(state: _Walker, count: int) -> tuple[int, int]:
    """Step over the additional section up to the OPT: records kept, upper eight bits of the rcode."""
    for index in range(count):
        rtype, ttl, _, _ = state.record(authority=False)
        if rtype == registry.OPT:
            return index, ttl >> 24
    return count, 0


def _lifetime(state: _Walker, rcode: int, negative: bool) -> int:
    """Seconds to keep the answer. RFC 2308 5: a negative one without an SOA is not kept at all."""
    if rcode not in (registry.NOERROR, registry.NXDOMAIN):
        return 0
    if negative and state.negative < 0:
        return 0
    return state.lifetime
