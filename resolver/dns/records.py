"""One walk over a response: where its TTLs are, how long it lives, which names and addresses it leads to.

A response is relayed as the octets that came (RFC 5625: what we do not understand passes unharmed); this walk
finds the few places that must change or must be judged:

    TTLs        capped (RFC 8767 4), those of an RRset made equal (RFC 2181 5.2), that of a negative answer's
                SOA lowered to what it is kept for (RFC 2308 5)
    names       where CNAME, DNAME, SVCB and HTTPS records lead, in the answer and the additional section: the
                latter is where the rest of an SVCB chain stands (RFC 9460 4.1, 4.2)
    addresses   whether a record or a hint, wherever it stands, is in a private network
    strangers   records of the answer section that do not belong to the question (`resolver.dns.belonging`).
                Then, and only then, the message is written anew without them, and without additional records

The additional section otherwise stays: it is handed on with the answer to the question that it came with,
and never kept for another. The OPT is hop-by-hop (RFC 6891 6.1.1) and is cut off; so is anything behind it,
since names there could point into what was cut.

The common shape costs least: owners that are a pointer to the question or to where the last CNAME leads need
no reading. Whatever 64 KB hold, the work is bounded: `MAX_RECORDS`, and `MAX_STEPS` for all that is read of
names and parameters.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Mapping, Sequence
from struct import Struct
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.belonging import Names, chain, evened, rows, strangers
from resolver.dns.bindings import read_binding
from resolver.dns.compression import name_at
from resolver.dns.edns import opt
from resolver.dns.expand import without
from resolver.dns.private import FOUR, SIX, is_private
from resolver.dns.query import name_end
from resolver.errors import WireError

MAX_RECORDS: Final = 1_000
"""Records in one message; no RRset that is served to people comes near."""

MAX_CHAIN: Final = 16
"""Names that one answer may lead to; a longer chain is an attack or a loop."""

MAX_STEPS: Final = 3_000
"""Steps taken in one message: one for a label of an owner that is spelled out, more for the following."""

NAME_STEPS: Final = 20
"""What a name that is read costs, beside one for each two of its octets."""

BINDING_STEPS: Final = 20
"""What an SVCB record costs, beside its name, and `PART_STEPS` for each parameter and hint."""

PART_STEPS: Final = 4

MAX_END: Final = registry.MAX_MESSAGE - 1_024
"""Where the last record ends at the latest: our own OPT must fit behind it."""

TTL_CAP: Final = 604_800
"""Seconds: a TTL is never more than seven days (RFC 8767 4; RFC 2181 8 gives it 31 bits, and a high bit is
read as a large value)."""

_HEADER: Final = Struct(">HHHHHH").unpack_from
_PAIR: Final = Struct(">HH").unpack_from
_POINTED: Final = Struct(">HHHIH").unpack_from
"""A record from its owner on, where that is a pointer."""
_FIXED: Final = Struct(">HHIH").unpack_from
_SHORT: Final = Struct(">H").unpack_from
_LONG: Final = Struct(">I")

_TO_QNAME: Final = 0xC00C
"""A pointer to the question, which always stands at octet 12."""
_QNAME_ALONE: Final[dict[int, int]] = {_TO_QNAME: 0}
"""Links of a chain before it leads anywhere: pointer -> place in the chain."""
_STRANGE: Final = -1
"""In a link's place: an owner that a glance does not settle."""
_NOWHERE: Final = 0
"""In a pointer's place: there is none."""

# Type -> the first two octets of those of its addresses that may be private.
_HEADS: Final[Mapping[int, frozenset[bytes]]] = {registry.A: FOUR, registry.AAAA: SIX}

_CHAINED: Final = (registry.CNAME, registry.DNAME)
_BOUND: Final = (registry.SVCB, registry.HTTPS)
_SPECIAL: Final = frozenset((*_CHAINED, *_BOUND, registry.RRSIG))
"""Types that are looked at more closely in the answer and in the additional section."""
_OPT: Final = registry.OPT
_SOA: Final = registry.SOA

_SHORTEST_SOA: Final = 22
"""Octets of its RDATA: two names of one octet, and five numbers."""

_KEPT: Final = (registry.NOERROR, registry.NXDOMAIN)
"""Response codes of answers that are kept; others are failures (RFC 2308 7)."""


class Walk(NamedTuple):
    """What the walk found.

    flags      the second header word
    rcode      with the upper bits of the OPT (RFC 6891 6.1.3)
    question   the question section, as sent; empty when there is none
    body       the records, OPT cut off; `ttls` are in it
    counts     records kept: answer, authority, additional
    offsets    where the TTLs are, as offsets in `body`
    ttls       their values, in seconds
    lifetime   seconds that the answer may be kept, or 0: not at all
    targets    lower-cased wire names that its CNAME, DNAME, SVCB and HTTPS records lead to, each once
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


class _Details:
    """What is read more closely than the common shape asks for; made when the first such record is met.

    links    pointers to names of the chain -> their place in it
    targets  as in `Walk`
    private  whether a hint is an address of a private network
    """

    __slots__ = ("_data", "_left", "_spelled", "_start", "links", "private", "targets")

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._left = MAX_STEPS
        self._spelled = data[12 : start - 4]
        self.links = {_TO_QNAME: 0}
        self.targets: list[bytes] = []
        self.private = False

    def owner(self, at: int) -> tuple[int, int]:
        """Where RDATA begins behind an owner that is spelled out, and a pointer to the qname if it is that.

        One that is spelled as the one before is not read again.
        """
        data, spelled = self._data, self._spelled
        if not data.startswith(spelled, at):
            end = at
            while 0 < data[end] < 64:
                self._spend(1, at)
                end += data[end] + 1
            if 64 <= data[end] < 0xC0:
                raise WireError("an owner name that cannot be read", at)
            end += 2 if data[end] else 1
            self._spelled = spelled = data[at:end]
        is_qname = len(spelled) == self._start - 16 and data.startswith(spelled, 12)
        return at + len(spelled) + 10, _TO_QNAME if is_qname else _NOWHERE

    def read(self, rtype: int, rdata: int, end: int, link: int) -> int:
        """Look at a record that may lead somewhere; the type of the RRset that it goes with.

        `link`: the place of its owner in the chain.
        """
        if rtype in _CHAINED:
            self._follow(rtype, rdata, end, link)
        elif rtype in _BOUND:
            binding = read_binding(self._data, rdata, end)
            target = binding.target
            self._spend(BINDING_STEPS + len(target) // 2 + PART_STEPS * binding.parts, rdata)
            if binding.hints and binding.is_private(self._data):
                self.private = True
            if len(target) > 1:
                self.lead(target, rdata)
        elif rtype == registry.RRSIG and end - rdata > 1:
            return self._data[rdata] << 8 | self._data[rdata + 1]
        return rtype

    def _follow(self, rtype: int, rdata: int, end: int, link: int) -> None:
        """Note where a CNAME or DNAME leads. The whole RDATA is judged, as clients read it."""
        data = self._data
        target, after = name_at(data, rdata)
        if after != end:
            raise WireError("RDATA that is not one name", rdata)
        target = target.lower()
        self._spend(NAME_STEPS + len(target) // 2, rdata)
        place = self.lead(target, rdata)
        if link >= 0 and rtype == registry.CNAME:
            self.links[0xC000 | rdata] = place
            if end - rdata == 2:
                self.links[data[rdata] << 8 | data[rdata + 1]] = place

    def lead(self, target: bytes, at: int) -> int:
        """Note a target; its place in the chain, 0 for the qname itself."""
        targets = self.targets
        if target in targets:
            place = 1 + targets.index(target)
        else:
            targets.append(target)
            place = len(targets)
            if place > MAX_CHAIN:
                raise WireError("a longer chain than is followed", at)
        is_qname = len(target) == self._start - 16 and target == self._data[12 : self._start - 4].lower()
        return 0 if is_qname else place

    def _spend(self, steps: int, at: int) -> None:
        """Count what reading has cost."""
        self._left -= steps
        if self._left < 0:
            raise WireError("more than is read of one message", at)


def write_ttls(body: bytes, offsets: Sequence[int], ttls: Sequence[int]) -> bytes:
    """The records with these TTLs in these places."""
    changed = bytearray(body)
    for offset, ttl in zip(offsets, ttls, strict=True):
        _LONG.pack_into(changed, offset, ttl)
    return bytes(changed)


# What has to be looked at again when the tour is over; nothing of it for most messages.
_UNSURE: Final = 1
"""An owner of the answer section was not settled by a glance."""
_UNEVEN: Final = 2
"""TTLs differ that may belong to one RRset."""
_CHANGED: Final = 4
"""A TTL is not as it came."""

_Tour = tuple[int, int, list[int], list[int], int, int, bool, int, bool, int, bytes, "_Details | None"]
"""Where the last record ends; records kept; offsets and TTLs; the smallest TTL; how long a negative answer is
kept (-1: not at all); whether there is data of the type asked; what to look at again; whether an address is
private; upper bits of the rcode and RDATA of the OPT; details, if there are any."""


def walk(data: bytes, start: int = 0) -> Walk:
    """Walk a whole response. Raises WireError when it cannot be relayed.

    `start` is where its question ends, for whoever has read that already.
    """
    if len(data) < 12:
        raise WireError("shorter than a header", len(data))
    _, flags, questions, answers, authorities, additionals = _HEADER(data)
    if questions != 1 or not start:
        start = _question_end(data, questions, answers)
    before = answers + authorities
    if before + additionals > MAX_RECORDS:
        raise WireError("more records than are read", 6)
    try:
        end, total, offsets, ttls, lifetime, minimum, has_data, again, private, upper, options, details = (
            _tour(data, start, answers, before, before + additionals)
        )
    except (IndexError, struct.error):
        raise WireError("a record runs out of the message", start) from None
    if end > MAX_END:
        raise WireError("longer than can be relayed", end)
    counts = answers, authorities, total - before
    body = data[start:end]
    if again:
        unwanted = _sort_out(data, start, answers, details) if again & _UNSURE else None
        if unwanted:
            return walk(without(data, start, unwanted, opt(False, options, rcode=upper << 4)), start)
        if again & (_UNEVEN | _UNSURE):
            ttls = _evened(data, start, counts, ttls)
        body = write_ttls(body, offsets, ttls)
    rcode = flags & registry.RCODE_MASK | upper << 4
    negative = rcode == registry.NXDOMAIN or not has_data
    # RFC 2308 5: a negative answer without an SOA is not kept, nor is a failure.
    if rcode not in _KEPT or (negative and minimum < 0):
        lifetime = 0
    targets = tuple(details.targets) if details is not None else ()
    private = private or (details is not None and details.private)
    # As `Walk(...)`, which takes twice as long.
    return tuple.__new__(
        Walk,
        (
            flags, rcode, data[12:start], body, counts, tuple(offsets), tuple(ttls), lifetime, targets,
            negative, private, options,
        ),
    )  # fmt: skip


def _question_end(data: bytes, questions: int, answers: int) -> int:
    """Where the records begin. Raises WireError; without a question there can be no answer to it."""
    if questions == 0 and answers == 0:
        return 12
    end = name_end(data, 12) if questions == 1 else 0
    if not end or end + 4 > len(data):
        raise WireError("a question that cannot be read", 12)
    return end + 4


def _tour(data: bytes, start: int, answers: int, before: int, total: int) -> _Tour:
    """Every record up to the OPT, once. `before` counts those before the additional section.

    One loop with its state in plain variables: this is most of what a forwarded answer costs here.
    """
    qtype, qclass = _PAIR(data, start - 4)
    details, links = None, _QNAME_ALONE
    offsets: list[int] = []
    ttls: list[int] = []
    seen: dict[int, int] = {}
    at, size, lifetime, minimum, again, upper, options = start, len(data), TTL_CAP, -1, 0, 0, b""
    has_data, private = qtype == registry.ANY and answers > 0, False
    for index in range(total):
        first = data[at]
        if first >= 0xC0:
            word, rtype, rclass, ttl, length = _POINTED(data, at)
            rdata = at + 12
        else:
            rdata, word = at + 11, _NOWHERE
            if first:
                details = details or _Details(data, start)
                rdata, word = details.owner(at)
            rtype, rclass, ttl, length = _FIXED(data, rdata - 10)
        end = rdata + length
        if end > size:
            raise WireError("RDATA runs out of the message", rdata)
        kind = rtype
        if rtype in _HEADS:
            if data[rdata : rdata + 2] in _HEADS[rtype] and is_private(data[rdata:end]):
                private = True
        elif rtype == _OPT:
            total, upper, options = index, ttl >> 24, data[rdata:end]
            break
        elif answers <= index < before:
            if rtype == _SOA and length >= _SHORTEST_SOA:
                # RFC 2308 5: a negative answer lives for the smaller of its SOA's TTL and MINIMUM.
                minimum = _LONG.unpack_from(data, end - 4)[0]
                again |= _CHANGED if minimum < ttl else 0
                ttl = minimum if minimum < ttl else ttl
        elif rtype in _SPECIAL:
            details = details or _Details(data, start)
            links = details.links
            kind = details.read(rtype, rdata, end, links.get(word, _STRANGE))
        if ttl > TTL_CAP:
            ttl, again = TTL_CAP, again | _CHANGED
        if ttl < lifetime:
            lifetime = ttl
        if index < answers:
            link = links.get(word, _STRANGE)
            if rtype == qtype:
                has_data = True
            if link < 0 or rclass != qclass:
                again |= _UNSURE
            if answers > 1 and seen.setdefault(link << 16 | kind, ttl) != ttl:
                again |= _UNEVEN
        elif index != answers and index != before and ttl != ttls[-1]:
            again |= _UNEVEN
        offsets.append(rdata - 6 - start)
        ttls.append(ttl)
        at = end
    if total < before:
        raise WireError("an OPT outside the additional section", at)
    return (at, total, offsets, ttls, lifetime, minimum, has_data, again, private, upper, options, details)


def _sort_out(data: bytes, start: int, answers: int, details: _Details | None) -> Container[int]:
    """Read every owner of the answer section: indices of the records that do not belong to the question."""
    names = Names(data)
    answer = rows(data, start, answers, names)
    qname = data[12 : start - 4].lower()
    way = chain(answer, qname, names, MAX_CHAIN)
    if details is not None:
        # Where a DNAME takes a name is a target, even if the CNAME that says so is missing (RFC 6672 3.1).
        for target in way.links:
            if target != qname:
                details.lead(target, start)
    return strangers(answer, int.from_bytes(data[start - 2 : start], "big"), way)


def _evened(data: bytes, start: int, counts: Sequence[int], ttls: list[int]) -> list[int]:
    """The TTLs with those of every RRset made equal (RFC 2181 5.2), section by section."""
    if len(set(ttls)) < 2:
        return ttls
    found: list[int] = []
    all_rows = rows(data, start, sum(counts), Names(data))
    for count in counts:
        first = len(found)
        found += evened(all_rows[first : first + count], ttls[first : first + count])
    return found
