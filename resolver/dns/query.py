"""Reading what a client sent: a ladder of cheap refusals, then one `Query`.

`parse_query` returns one of four things and never raises:

    Query         a question that can be answered
    CookieQuery   no question, but a cookie that wants an answer (RFC 7873 5.4)
    bytes         a reply that says what is wrong with the packet (FORMERR, NOTIMP, BADVERS)
    None          silence: the packet is no query at all, and answering it could feed a loop

The order is from cheap to dear: length, QR, opcode, question count, the name, the records behind
it. Work is bounded whatever the packet holds: at most 128 labels, `MAX_RECORDS` records, and
`MAX_OPTIONS` EDNS options are looked at, so that 64 KB of pointers cost no more than a short query.

What is not read here is not passed on either: queries for upstreams are built anew from the parsed
parts, so nothing hidden behind the question travels along.
Options are kept as they came and read by whoever knows them (`option`); those that nobody knows are
ignored (RFC 6891 6.1.2), and so are flags of the OPT but DO. A client subnet is among them: nobody
reads it and nothing depends on it, so an answer is right for every subnet (RFC 7871 7.2.1), and a wish
not to be told of (SOURCE PREFIX-LENGTH 0, RFC 7871 7.1.2) is met by telling of nobody.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from resolver.dns import registry

MAX_RECORDS: Final = 16
"""Records behind the question that a query may carry; a usual one carries none or its OPT."""

MAX_OPTIONS: Final = 32
"""Options in an OPT that are looked at; more is FORMERR."""

_HEADER: Final = Struct(">HHHHHH").unpack_from
_PACK: Final = Struct(">HHHHHH").pack
_PAIR: Final = Struct(">HH").unpack_from
_FIXED: Final = Struct(">HHIH").unpack_from

_ROOT: Final = b"\0"
_EMPTY_OPT: Final = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"

NO_EDNS: Final = 0
"""`Query.size` of a query without OPT."""


class Query:
    """One question with all that an answer depends on.

    id         the client's message ID
    flags      the client's second header word; only RD, AD and CD are used
    question   the question section as sent, in the client's case, with type and class
    folded     the qname in lower case, on the wire
    qtype, qclass
    size       octets that the client takes over UDP as its OPT says, or NO_EDNS
    dnssec     whether the client set DO
    options    RDATA of its OPT: b"" for most
    extras     options that belong into the reply's OPT and are this client's alone (a cookie, a keepalive);
               such a reply is no flow
    """

    __slots__ = (
        "dnssec",
        "extras",
        "flags",
        "folded",
        "id",
        "options",
        "qclass",
        "qtype",
        "question",
        "size",
    )

    def __init__(
        self, number: int, flags: int, question: bytes, folded: bytes, qtype: int, qclass: int
    ) -> None:
        self.id = number
        self.flags = flags
        self.question = question
        self.folded = folded
        self.qtype = qtype
        self.qclass = qclass
        self.size = NO_EDNS
        self.dnssec = False
        self.options = b""
        self.extras = b""

    @property
    def udp_limit(self) -> int:
        """Octets that a UDP reply may have: what the client takes, at most our own limit.

        RFC 6891 6.2.3: values below 512 are treated as 512.
        """
        if self.size <= registry.UDP_MINIMUM:
            return registry.UDP_MINIMUM
        return min(self.size, registry.UDP_LIMIT)

    @property
    def cache_key(self) -> tuple[bytes, int, int, int]:
        """What makes two questions have the same answer: name, type, class, and DO and CD."""
        return (self.folded, self.qtype, self.qclass, (self.flags & registry.CD) | self.dnssec)


class CookieQuery(NamedTuple):
    """A query without a question that asks for a cookie, or whether the one it has is good (RFC 7873 5.4).

    `id`, `flags`, `dnssec` and `options` are those of `Query`; there is a COOKIE among the options.
    """

    id: int
    flags: int
    dnssec: bool
    options: bytes


def option(options: bytes, code: int) -> bytes | None:
    """The data of the first option with this code in the RDATA of an OPT; None when there is none.

    RFC 7873 5.2: of several cookies the one closest to the header counts. Never raises; looks at
    `MAX_OPTIONS` options, and at no octet behind one that does not fit.
    """
    offset, size = 0, len(options)
    for _ in range(MAX_OPTIONS):
        if offset + 4 > size:
            return None
        found, length = _PAIR(options, offset)
        offset += 4
        if found == code:
            return options[offset : offset + length] if offset + length <= size else None
        offset += length
    return None


def _refuse(number: int, flags: int, rcode: int) -> bytes:
    """A reply of a header alone: opcode and RD as asked (RFC 1035 4.1.1), nothing else kept."""
    kept = flags & (registry.OPCODE_MASK | registry.RD)
    return _PACK(number, registry.QR | registry.RA | kept | rcode, 0, 0, 0, 0)


def name_end(data: bytes, offset: int) -> int:
    """Offset just behind an uncompressed name, or 0 when there is none.

    A pointer has no place in a question (nothing stands before it to point at), and the label types
    01 and 10 are not in use (RFC 6891 5); both give 0, as do more than 255 octets (RFC 1035 2.3.4).
    """
    size = min(len(data), offset + 255)
    position = offset
    while position < size:
        length = data[position]
        if length == 0:
            return position + 1
        if length > 63:
            return 0
        position += length + 1
    return 0


def parse_query(data: bytes) -> Query | CookieQuery | bytes | None:
    """Read one message from a client. See the module for what comes back; never raises."""
    if len(data) < 12:
        return None
    number, flags, questions, answers, authorities, additionals = _HEADER(data)
    # RFC 1035 4.1.1, RFC 8906 3: a response is never answered, or two servers could talk for ever.
    if flags & registry.QR:
        return None
    # RFC 8906 3.1.4 (unknown opcodes): NOTIMP, whatever the rest looks like.
    if flags & registry.OPCODE_MASK:
        return _refuse(number, flags, registry.NOTIMP)
    # RFC 9619: a QUERY has exactly one question, but for one kind that has none.
    if questions != 1:
        if questions == 0:
            return _cookie_query(data, number, flags, answers + authorities, additionals)
        return _refuse(number, flags, registry.FORMERR)
    end = name_end(data, 12)
    if not end or len(data) < end + 4:
        return _refuse(number, flags, registry.FORMERR)
    qtype, qclass = _PAIR(data, end)
    # OPT is a pseudo type that can be in no question (RFC 6891 6.1.1); 0 is reserved (RFC 6895 3.1).
    if qtype == registry.OPT or qtype == 0:
        return _refuse(number, flags, registry.FORMERR)
    query = Query(number, flags, data[12 : end + 4], data[12:end].lower(), qtype, qclass)
    records = answers + authorities + additionals
    if records == 0:
        return query
    if records > MAX_RECORDS:
        return _refuse(number, flags, registry.FORMERR)
    return _read_records(data, end + 4, query, answers + authorities, additionals)


def _cookie_query(data: bytes, number: int, flags: int, before: int, additionals: int) -> CookieQuery | bytes:
    """A message without a question: a query for a cookie if it carries one, else FORMERR (RFC 9619)."""
    if 0 < before + additionals <= MAX_RECORDS:
        query = _read_records(data, 12, Query(number, flags, b"", b"", 0, 0), before, additionals)
        if isinstance(query, bytes):
            return query
        if option(query.options, registry.OPTION_COOKIE) is not None:
            return CookieQuery(number, flags, query.dnssec, query.options)
    return _refuse(number, flags, registry.FORMERR)


def _read_records(data: bytes, offset: int, query: Query, before: int, additionals: int) -> Query | bytes:
    """Look for the OPT behind the question; anything else is stepped over and dropped."""
    found = False
    for index in range(before + additionals):
        # The root, which owns the OPT, needs no walk.
        name = offset + 1 if data[offset : offset + 1] == _ROOT else skip_name(data, offset)
        if not name or len(data) < name + 10:
            return _refuse(query.id, query.flags, registry.FORMERR)
        rtype, size, ttl, length = _FIXED(data, name)
        after = name + 10 + length
        if after > len(data):
            return _refuse(query.id, query.flags, registry.FORMERR)
        if rtype == registry.OPT:
            # RFC 6891 6.1.1: one OPT, in the additional section, owned by the root.
            misplaced = index < before or name - offset != 1
            if found or misplaced or (length and not _options_fit(data, name + 10, after)):
                return _refuse(query.id, query.flags, registry.FORMERR)
            found = True
            query.size = max(size, registry.UDP_MINIMUM)
            query.dnssec = bool(ttl & registry.DO)
            if length:
                query.options = data[name + 10 : after]
            version = (ttl >> 16) & 0xFF
            if version:
                return _bad_version(query)
        offset = after
    return query


def skip_name(data: bytes, offset: int) -> int:
    """Offset behind a name, compressed or not, without following pointers; 0 if it is broken."""
    position, size = offset, len(data)
    while position < size and position - offset <= 255:
        length = data[position]
        if length == 0:
            return position + 1
        if length >= 0xC0:
            return position + 2 if position + 2 <= size else 0
        if length > 63:
            return 0
        position += length + 1
    return 0


def _options_fit(data: bytes, offset: int, end: int) -> bool:
    """Whether the OPT's options fill its RDATA exactly (RFC 6891 6.1.2) and are not too many."""
    for _ in range(MAX_OPTIONS):
        if offset == end:
            return True
        if offset + 4 > end:
            return False
        offset += 4 + _PAIR(data, offset)[1]
        if offset > end:
            return False
    return offset == end


def _bad_version(query: Query) -> bytes:
    """RFC 6891 6.1.3: BADVERS with our own version, 0; the upper eight rcode bits are in the OPT."""
    flags = registry.QR | registry.RA | (query.flags & registry.RD)
    opt = bytearray(_EMPTY_OPT)
    opt[5] = registry.BADVERS >> 4
    return _PACK(query.id, flags, 1 if query.question else 0, 0, 0, 1) + query.question + opt
