"""Messages for tests of the wire: strategies that make valid ones, and a gallery of hostile ones.

Valid messages are built by dnspython, so that what we read is not what we wrote. The hostile ones
are crafted octet by octet, each as large as it may be and each to make some step of a careless
parser slow: see `HOSTILE_QUERIES` and `HOSTILE_RESPONSES`. `CountedOctets` counts how often a
parser looks at its message, which bounds work without a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, Final

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from hypothesis import strategies as st

HEADER: Final = Struct(">HHHHHH").pack
FIXED: Final = Struct(">HHIH").pack

QNAME: Final = b"\x03wWw\x07eXample\x03oRg\0"
QUESTION: Final = QNAME + b"\0\x01\0\x01"
TO_QNAME: Final = b"\xc0\x0c"


def header(
    flags: int = 0x8180, questions: int = 1, answer: int = 0, authority: int = 0, more: int = 0
) -> bytes:
    """A header with the ID 0x1234; the flags are those of a usual response unless given."""
    return HEADER(0x1234, flags, questions, answer, authority, more)


def record(rtype: int, rdata: bytes, owner: bytes = TO_QNAME, ttl: int = 300, rclass: int = 1) -> bytes:
    """One record, as it stands."""
    return owner + FIXED(rtype, rclass, ttl, len(rdata)) + rdata


class CountedOctets(bytes):
    """Octets that count how often they are looked at, one by one or in slices."""

    looks = 0

    def __getitem__(self, key: Any) -> Any:
        self.looks += 1
        return super().__getitem__(key)


# Strategies

_NAMES: Final = st.lists(st.binary(min_size=1, max_size=63), max_size=12).filter(
    lambda labels: sum(len(label) + 1 for label in labels) < 255
)


def wire_names() -> st.SearchStrategy[bytes]:
    """Wire names of any octets (RFC 2181 11), the root among them."""
    return _NAMES.map(lambda labels: b"".join(bytes([len(one)]) + one for one in labels) + b"\0")


@st.composite
def queries(draw: st.DrawFn) -> dns.message.Message:
    """Queries as stub resolvers send them: any name, type and class, with and without OPT."""
    name = dns.name.Name([*draw(_NAMES), b""])
    qtype = draw(st.integers(1, 0xFFFF).filter(lambda number: number != 41))
    qclass = draw(st.sampled_from((1, 3, 4, 254, 255)))
    query = dns.message.make_query(
        name,
        dns.rdatatype.RdataType.make(qtype),
        dns.rdataclass.RdataClass.make(qclass),
        id=draw(st.integers(0, 0xFFFF)),
    )
    query.flags = dns.flags.Flag(draw(st.sampled_from((0, dns.flags.RD))))
    for flag in (dns.flags.AD, dns.flags.CD):
        query.flags |= flag if draw(st.booleans()) else 0
    if draw(st.booleans()):
        code = dns.edns.OptionType.make(draw(st.integers(65_001, 65_534)))
        options: list[dns.edns.Option] = [dns.edns.GenericOption(code, draw(st.binary(max_size=20)))]
        flags = draw(st.sampled_from((0, int(dns.flags.DO))))
        query.use_edns(0, flags, draw(st.integers(0, 0xFFFF)), options=options)
    return query


_RDATA: Final = (
    "A 192.0.2.1",
    "A 192.0.2.2",
    "A 10.0.0.1",
    "AAAA 2001:db8::1",
    "AAAA fd00::1",
    "CNAME target.www.example.org.",
    "CNAME www.example.org.",
    "DNAME elsewhere.example.",
    "NS ns.example.org.",
    "MX 10 mail.target.www.example.org.",
    'TXT "one" "two"',
    "SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 60",
    "SRV 1 2 443 target.www.example.org.",
    "HTTPS 1 . alpn=h3,h2 ipv4hint=192.0.2.7 ipv6hint=2001:db8::7",
    "HTTPS 1 svc.example.net. ipv4hint=192.0.2.7,192.168.0.1",
    "SVCB 0 alias.example.net.",
    "RRSIG A 8 3 300 20300101000000 20200101000000 1 example.org. AAAA",
    r"TYPE65280 \# 4 c00c0035",
)
_OWNERS: Final = ("www.example.org.", "target.www.example.org.", "example.org.", "a.b.example.net.")


def _rrsets() -> st.SearchStrategy[list[dns.rrset.RRset]]:
    """Up to six records as RRsets of one; those of one owner and type may differ in their TTLs."""
    one = st.tuples(st.sampled_from(_OWNERS), st.integers(0, 0x7FFFFFFF), st.sampled_from(_RDATA))
    return st.lists(one, max_size=6, unique_by=lambda row: (row[0], row[2])).map(
        lambda rows: [
            dns.rrset.from_text(owner, ttl, "IN", *rdata.split(" ", 1)) for owner, ttl, rdata in rows
        ]
    )


@st.composite
def responses(draw: st.DrawFn) -> dns.message.Message:
    """Responses about www.example.org with records in every section, names compressed by dnspython."""
    qtype = draw(st.sampled_from(("A", "CNAME", "TXT", "HTTPS", "ANY")))
    query = dns.message.make_query("wWw.eXample.oRg", qtype)
    query.use_edns(draw(st.sampled_from((0, -1))))
    made = dns.message.make_response(query, recursion_available=True, our_payload=4096)
    made.answer, made.authority, made.additional = (draw(_rrsets()) for _ in range(3))
    made.set_rcode(dns.rcode.Rcode.make(draw(st.sampled_from((0, 2, 3, 5)))))
    return made


# The gallery. Each is at most 65535 octets, the most that TCP can carry.


def _filled(head: bytes, piece: bytes) -> bytes:
    """The head, then as many pieces as there is room for."""
    return head + piece * ((65_535 - len(head)) // len(piece))


def _many(piece: bytes, section: int, flags: int = 0x8180, count: int | None = None) -> bytes:
    """A message filled with one record, in section 0 (answer), 1 (authority) or 2 (additional)."""
    fits = (65_535 - 12 - len(QUESTION)) // len(piece)
    counts = [0, 0, 0]
    counts[section] = fits if count is None else count
    return HEADER(0x1234, flags, 1, *counts) + QUESTION + piece * fits


def _pointer_ladder(targets: int) -> bytes:
    """A record full of pointers, each to the one before, then CNAME records to the last of them."""
    start = 12 + len(QUESTION) + 12
    rungs = bytearray(TO_QNAME)
    while start + len(rungs) < 0x3FFE:
        rungs += (0xC000 | start + len(rungs) - 2).to_bytes(2, "big")
    last = (0xC000 | start + len(rungs) - 2).to_bytes(2, "big")
    return header(answer=1 + targets) + QUESTION + record(65_280, bytes(rungs)) + record(5, last) * targets


def _label_ladder(targets: int) -> bytes:
    """Names of one label and a pointer to the name before, 126 deep, then CNAME records to the last."""
    opening = b"\0\0\x05\0\x01"  # the root as a question, so that no label is in the way
    start = 12 + len(opening) + 11  # where the RDATA of a record owned by the root begins
    names, last = b"\x01a\0", start
    for _ in range(125):
        last, names = start + len(names), names + b"\x01a" + (0xC000 | last).to_bytes(2, "big")
    ladder = record(65_280, names, owner=b"\0")
    chain = record(5, (0xC000 | last).to_bytes(2, "big"), owner=b"\0") * targets
    fits = (65_535 - 12 - len(opening) - len(ladder) - len(chain)) // len(_ROOT_RECORD)
    return header(answer=1 + targets + fits) + opening + ladder + chain + _ROOT_RECORD * fits


def _reps(piece: bytes, count: int, section: int = 0) -> bytes:
    """A message with one record so many times, cut where no more of it fits."""
    return _numbered(lambda _: piece, count, section)


def _numbered(piece: Callable[[int], bytes], count: int, section: int = 0) -> bytes:
    """A message with so many records, each made from its number, in one section."""
    counts = [0, 0, 0]
    counts[section] = count
    return (HEADER(0x1234, 0x8180, 1, *counts) + QUESTION + b"".join(map(piece, range(count))))[:65_535]


def _long(number: int) -> bytes:
    """A name of 124 labels of its own."""
    return b"\2%02x" % (number & 0xFF) + b"\1a" * 123 + b"\0"


def _short(number: int) -> bytes:
    """The qname for 0, and another name for every other number."""
    return b"\2%02x" % number + b"\4test\0" if number else TO_QNAME


def _https(parameters: bytes) -> bytes:
    """An HTTPS record without a name of its own."""
    return record(65, b"\0\1\0" + parameters)


def _hinting(key: int, addresses: bytes) -> bytes:
    """One with addresses as its ipv4hint (key 4) or ipv6hint (6)."""
    return _https(key.to_bytes(2, "big") + len(addresses).to_bytes(2, "big") + addresses)


def _pointing_owners(count: int) -> bytes:
    """Names of 120 labels in RDATA, and records whose owners point into them, each at another place."""
    start, region = 12 + len(QUESTION) + 12, b"\1a" * 120 + b"\0"
    places = [start + len(region) * (at % 20) + 2 * (at // 20) for at in range(count)]
    owners = b"".join(record(1, b"1234", (0xC000 | place).to_bytes(2, "big")) for place in places)
    return header(answer=1 + count) + QUESTION + record(65_280, region * 20) + owners


_ROOT_RECORD: Final = record(1, b"", owner=b"\0")
_LONG_OWNER: Final = b"\x01a" * 126 + b"\0"
_OPTION: Final = b"\xfd\xe9\0\0"

HOSTILE_QUERIES: Final = {
    "labels that never end": _filled(header(0x0100), b"\x01a"),
    "empty pointers as a question": _filled(header(0x0100), TO_QNAME),
    "65535 questions": _filled(header(0x0100, questions=65_535), QUESTION),
    "65535 additional records": _many(_ROOT_RECORD, 2, 0x0100, 65_535),
    "65535 OPT records": _many(record(41, b"", owner=b"\0"), 2, 0x0100, 65_535),
    "16 records out of labels": _filled(header(0x0100, more=16) + QUESTION, _LONG_OWNER),
    "16 records with long owners": header(0x0100, more=16) + QUESTION + record(1, b"", _LONG_OWNER) * 16,
    "16383 options": header(0x0100, more=1) + QUESTION + record(41, _OPTION * 16_370, b"\0"),
    "an owner of pointers": _filled(header(0x0100, more=16) + QUESTION, b"\xc0\xff"),
    "an owner of labels": _filled(header(0x0100, more=1) + QUESTION, b"\x01a"),
}
"""Large queries that make a careless parser work; each has an answer or gets silence."""

HOSTILE_RESPONSES: Final = {
    "labels that never end": _filled(header(), b"\x01a"),
    "a question of pointers": _filled(header(answer=1), TO_QNAME),
    "owners of labels": _filled(header(answer=9) + QUESTION, b"\x01a"),
    "a full message of A records": _many(record(1, b"\xc0\0\x02\x01"), 0),
    "empty records of the root": _many(_ROOT_RECORD, 0),
    "empty records in authority": _many(_ROOT_RECORD, 1),
    "empty records in additional": _many(_ROOT_RECORD, 2),
    "counts that lie": _many(_ROOT_RECORD, 0, count=65_535),
    "OPT in answer": _many(record(41, b"", owner=b"\0"), 0, count=65_535),
    "OPT in additional": _many(record(41, b"", owner=b"\0"), 2, count=65_535),
    "long owners": _many(record(1, b"", owner=_LONG_OWNER), 0),
    "SOA records": _many(record(6, b"\0" * 22), 1),
    "a ladder of pointers": _pointer_ladder(16),
    "a ladder of pointers, twice as many": _pointer_ladder(32),
    "a ladder of labels": _label_ladder(16),
    "CNAME records without end": _many(record(5, TO_QNAME), 0),
    "a CNAME that points at itself": _many(record(5, b"\xc0\x29"), 0),
    "a CNAME that points forward": _many(record(5, b"\xff\xff"), 0),
    "long CNAME targets": _many(record(5, _LONG_OWNER), 0),
    "private addresses that are none": _reps(record(28, b"\x20\x02" + b"\xc0" * 14), 1000),
    "addresses in additional that are none": _reps(record(28, bytes(4) + b"\xff" * 12), 1000, 2),
    "as many SOA records as are read": _reps(record(6, b"\0" * 22), 1000, 1),
    "TTLs beyond the cap": _reps(record(1, b"\xc0\0\x02\x01", ttl=0xFFFFFFFF), 1000),
    "TTLs to be made equal": _numbered(lambda at: record(1, b"1234", ttl=at), 256),
    "more TTLs than are made equal": _numbered(lambda at: record(1, b"1234", ttl=at), 1000),
    "TTLs of as many types": _numbered(lambda at: record(300 + at, b"1234", ttl=at), 256, 2),
    "TTLs of signatures": _numbered(lambda at: record(46, at.to_bytes(2, "big"), ttl=at), 256, 2),
    "empty HTTPS records": _reps(record(65, b"\0\1\0"), 1000),
    "HTTPS records of parameters": _reps(_https(b"\0\x09\0\0" * 32), 400),
    "HTTPS records of hints": _reps(_hinting(4, b"\xac\x00\2\1" * 64), 200),
    "HTTPS records of IPv6 hints": _reps(_hinting(6, (b"\x20\x02" + b"\xc0" * 14) * 64), 60),
    "one HTTPS record of hints": _reps(_hinting(4, b"\xac\x00\2\1" * 16_000), 1),
    "one HTTPS record of parameters": _reps(_https(b"\0\x09\0\0" * 16_000), 1),
    "HTTPS records that lead far": _numbered(lambda at: record(65, b"\0\0" + _long(at)), 250),
    "DNAME records without end": _numbered(lambda at: record(39, _long(at + 1), _long(at)), 120),
    "DNAME records above the question": _reps(record(39, TO_QNAME, b"\xc0\x10"), 1000),
    "owners that are spelled out": _numbered(lambda at: record(1, b"1234", _long(at)), 240),
    "owners that point into names": _pointing_owners(250),
    "as many owners as are looked at": _numbered(lambda at: record(1, b"1234", b"\2%02x\0" % at), 256),
    "records that do not belong": _numbered(lambda at: record(15, b"\0\1" + _long(at), _long(at)), 16),
    "many small ones that do not belong": _numbered(lambda at: record(1, b"1", b"\2%02x\0" % at), 32),
    "a chain the wrong way round": _numbered(lambda at: record(5, _short(16 - at), _short(15 - at)), 16),
    "RDATA that runs out": _filled(header(answer=1) + QUESTION, FIXED(1, 1, 1, 0xFFFF)),
}
"""Large responses that make a careless parser work; each is read, or raises WireError."""
