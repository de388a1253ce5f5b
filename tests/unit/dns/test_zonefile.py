"""Zone files: what a file says, line by line; and that every record is written as it can be read."""

from __future__ import annotations

import dns.rdataclass
import dns.rdatatype
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import rdata, registry
from resolver.dns.names import Fault, to_text
from resolver.dns.zonefile import (
    DEFAULT_TTL,
    MAX_LINE,
    MAX_OCTETS,
    MAX_RECORDS,
    MAX_REMARKS,
    ZoneFile,
    ZoneRecord,
    read_line,
    read_zone,
    write_line,
)

LINES = {
    "printer.home.arpa. 60 IN A 192.0.2.9": "printer.home.arpa. 60 IN A 192.0.2.9",
    "Printer.Home.ARPA. A 192.0.2.9": "printer.home.arpa. 300 IN A 192.0.2.9",
    "a.example. in 1h aaaa 2001:DB8::1": "a.example. 3600 IN AAAA 2001:db8::1",
    "a.example. 5w A 192.0.2.1": "a.example. 604800 IN A 192.0.2.1",
    "a.example. 0 A 192.0.2.1": "a.example. 0 IN A 192.0.2.1",
    "*.dev.example. CNAME Web.example.": "*.dev.example. 300 IN CNAME web.example.",
    "9.2.0.192.in-addr.arpa. PTR printer.example.": "9.2.0.192.in-addr.arpa. 300 IN PTR printer.example.",
    'a.example. TXT "a b;c" d "" "\\"\\127"': 'a.example. 300 IN TXT "a b;c" "d" "" "\\034\\127"',
    "_ldap._tcp.example. SRV 0 5 389 dc.example.": "_ldap._tcp.example. 300 IN SRV 0 5 389 dc.example.",
    "a.example. MX 0 .": "a.example. 300 IN MX 0 .",
    "a.example. HTTPS 1 . alpn=h3,h2 port=8443": "a.example. 300 IN HTTPS 1 . alpn=h3,h2 port=8443",
    'a.example. SVCB 1 b.example. key99="(;)"': 'a.example. 300 IN SVCB 1 b.example. key99="(;)"',
    "a.example. TYPE65280 \\# 2 ab CD": "a.example. 300 IN TYPE65280 \\# 2 abcd",
    "a.example. CAA \\# 0": "a.example. 300 IN CAA \\# 0",
    "a.example. ( A 192.0.2.1 ) ; why": "a.example. 300 IN A 192.0.2.1",
    "bücher.example. A 192.0.2.1": "xn--bcher-kva.example. 300 IN A 192.0.2.1",
    r"a\.b\032.example. A 192.0.2.1": r"a\046b\032.example. 300 IN A 192.0.2.1",
    ". TXT x": '. 300 IN TXT "x"',
    "*. A 192.0.2.1": "*. 300 IN A 192.0.2.1",
    # faults
    "": "not-one-line",
    "; a comment": "not-one-line",
    " a.example. A 192.0.2.1": "not-one-line",
    "a.example. A (": "not-one-line",
    "a.example. A 192.0.2.1\nb.example. A 192.0.2.1": "not-one-line",
    "$TTL 60": "not-one-line",
    "$ORIGIN example.": "not-one-line",
    "a A 192.0.2.1": "name-relative",
    "@ A 192.0.2.1": "name-relative",
    "a.example. CNAME b": "name-relative",
    "a.example.": "not-record",
    "a.example. 192.0.2.1": "not-record",
    "a.example. A": "not-record",
    "a.example. A 192.0.2": "bad-record",
    'a.example. TXT "': "not-zone",
    "a..example. A 192.0.2.1": "label-empty",
    "a.*.example. A 192.0.2.1": "wildcard-inside",
    "a.example. CH TXT x": "bad-class",
    "a.example. NS b.example.": "zone-record",
    "a.example. TYPE2 \\# 1 00": "zone-record",
    "a.example. SOA a. b. 1 2 3 4 5": "zone-record",
    'a.example. CAA 0 issue "x"': "record-type",
    "a.example. DNAME b.example.": "record-type",
    "a.example. TYPE39 \\# 1 00": "record-type",
    "a.example. OPT \\# 0": "record-type",
    f"a.example. TXT {'x' * MAX_LINE}": "not-one-line",
}

ZONE = """
$ORIGIN home.example.
$TTL 1h
@           IN SOA ns hostmaster (
                2024010101 ; serial
                7200 3600 1209600 300 )
            IN NS  ns
@           A      192.0.2.1
            AAAA   2001:db8::1
printer     60 A   192.0.2.9
            TXT    "second floor" ; which one
*.dev       CNAME  printer
$ORIGIN lab
www         CNAME  @
mail.example.org. MX 10 mail
"""

# The same, one line a record.
FLAT = """
home.example. 3600 IN A 192.0.2.1
home.example. 3600 IN AAAA 2001:db8::1
printer.home.example. 60 IN A 192.0.2.9
printer.home.example. 3600 IN TXT "second floor"
*.dev.home.example. 3600 IN CNAME printer.home.example.
www.lab.home.example. 3600 IN CNAME lab.home.example.
mail.example.org. 3600 IN MX 10 mail.lab.home.example.
"""

# Files and the faults in them: "line sentence", the sentence only as far as it tells them apart.
FAULTS = {
    "a word too few": ("a.example. A", ["1 This is no record"]),
    "several": ("a. A 192.0.2.1\nb. A x\nc. A 192.0.2.1\nd. MX x y.", ["2 The words", "4 The words"]),
    "no origin": ("a A 192.0.2.1", ["1 The name has no dot"]),
    "no origin for the data": ("a. CNAME b", ["1 The name has no dot"]),
    "no name above": (" A 192.0.2.1", ["1 The line begins with blanks"]),
    "the name above is broken": (
        "a. A 192.0.2.1\nb..c. A 192.0.2.1\n TXT x",
        ["2 Two dots", "3 The line begins with blanks"],
    ),
    "an unclosed parenthesis": ("a. A 192.0.2.1\nb. A (\n192.0.2.1", ["2 A parenthesis"]),
    "a quotation mark without its end": ('a. TXT "b', ["1 This is no line"]),
    "another file": ("$INCLUDE /etc/passwd", ["1 $INCLUDE is not obeyed"]),
    "a loop": ("$GENERATE 1-9999999 a$ A 192.0.2.$", ["1 $GENERATE is not obeyed"]),
    "an unknown directive": ("$ORIGINS a.", ["1 `$ORIGINS` is not known"]),
    "an origin of two words": ("$ORIGIN a. b.", ["1 `$ORIGIN` is not known"]),
    "an origin that is no name": ("$ORIGIN a..b.", ["1 Two dots"]),
    "a TTL that is none": ("$TTL x", ["1 `$TTL` is not known"]),
    "a long line": ("a. A 192.0.2.1\na. TXT " + "x" * MAX_LINE, ["2 A line has at most"]),
    "another class": ("a. CH TXT x", ["1 Only records of class IN"]),
    "a name that its origin makes too long": (
        f"$ORIGIN {'a.' * 100}\n{'b.' * 40}b A 192.0.2.1",
        ["2 The name is"],
    ),
}


def read(text: str, origin: str = "") -> list[str]:
    """The records of a file that has no fault, written out."""
    zone = read_zone(text, origin)
    assert not zone.faults
    return [write_line(record) for _, record in zone.records]


@pytest.mark.parametrize(("line", "expected"), LINES.items(), ids=lambda value: value[:50])
def test_line(line: str, expected: str) -> None:
    found = read_line(line)
    if isinstance(found, Fault):
        assert found.code == expected and found.sentence
    else:
        assert write_line(found) == expected and read_line(expected) == found


def test_file() -> None:
    assert read(ZONE) == FLAT.strip().splitlines() == read(FLAT)


def test_records_have_the_line_that_they_begin_on() -> None:
    zone = read_zone("\n;\na. A 192.0.2.1\n\n TXT (\nx\n) ; end\nb. A 192.0.2.1")
    assert [line for line, _ in zone.records] == [3, 5, 8]


def test_dnspython_reads_the_same() -> None:
    zone = dns.zone.from_text(ZONE.replace("$ORIGIN lab", "$ORIGIN lab.home.example."), "home.example.")
    assert zone.origin is not None
    theirs = {
        (
            name.derelativize(zone.origin).to_text(),
            rdataset.ttl,
            rdataset.rdtype,
            one.to_wire(origin=zone.origin),
        )
        for name, node in zone.nodes.items()
        for rdataset in node
        for one in rdataset
        if rdataset.rdtype not in (dns.rdatatype.SOA, dns.rdatatype.NS)
    }
    # It leaves out what is not below its origin.
    ours = {
        (to_text(owner) + ".", ttl, rtype, octets)
        for _, (owner, ttl, rtype, octets) in read_zone(ZONE).records
        if owner.endswith(b"\7example\0")
    }
    assert ours == theirs


def test_what_belongs_to_a_zone_is_left_out_and_told() -> None:
    zone = read_zone(ZONE + "home.example. NS other.example.\n")
    assert [note.line for note in zone.notes] == [4, 7]
    assert zone.notes[0].text == "SOA records are for the servers of a zone; left out."
    assert zone.notes[1].text == "NS records are for the servers of a zone; left out (2 of them)."


@pytest.mark.parametrize(
    ("text", "ttls"),
    [
        ("a. A 192.0.2.1", [DEFAULT_TTL]),
        ("a. 60 A 192.0.2.1\nb. A 192.0.2.1", [60, 60]),
        ("$TTL 2m\na. 60 A 192.0.2.1\nb. A 192.0.2.1", [60, 120]),
        ("a. A 192.0.2.1\n$TTL 2m\nb. A 192.0.2.1", [DEFAULT_TTL, 120]),
        ("$TTL 9w\na. A 192.0.2.1", [604_800]),
    ],
)
def test_ttl(text: str, ttls: list[int]) -> None:
    assert [record.ttl for _, record in read_zone(text).records] == ttls


def test_origin_from_outside() -> None:
    assert read("a A 192.0.2.1", "Home.example") == read("$ORIGIN home.example.\na A 192.0.2.1")
    assert read("$ORIGIN lab\na A 192.0.2.1", "home.example.") == ["a.lab.home.example. 300 IN A 192.0.2.1"]
    assert read("@ A 192.0.2.1\n", ".") == [". 300 IN A 192.0.2.1"]
    zone = read_zone("a A 192.0.2.1", "a..b")
    assert not zone.records and zone.faults[0].line == 0 and "a..b" in zone.faults[0].text


@pytest.mark.parametrize(("text", "expected"), FAULTS.values(), ids=FAULTS)
def test_faults_name_their_lines(text: str, expected: list[str]) -> None:
    told = [f"{fault.line} {fault.text}" for fault in read_zone(text).faults]
    assert len(told) == len(expected)
    assert all(said.startswith(begin) for said, begin in zip(told, expected, strict=True)), told


def test_reading_goes_on_behind_a_fault() -> None:
    zone = read_zone("a. A x\nb. A 192.0.2.1")
    assert len(zone.faults) == 1 and len(zone.records) == 1


def test_everything_is_bounded() -> None:
    assert read_zone("a. A 192.0.2.1\n" * (MAX_OCTETS // 15 + 1)).faults[0].line == 0
    many = read_zone("".join(f"a{number}. A 192.0.2.1\n" for number in range(MAX_RECORDS + 5)))
    assert [fault.line for fault in many.faults] == [MAX_RECORDS + 1]
    assert len(read_zone("x\n" * 1000).faults) == MAX_REMARKS


def test_lines_end_as_they_do_everywhere() -> None:
    assert read("a. A 192.0.2.1\r\nb. A 192.0.2.1\r\n") == read("a. A 192.0.2.1\nb. A 192.0.2.1")


NAMES = st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=4).map(
    lambda found: b"".join(bytes((len(label),)) + label.lower() for label in found) + b"\0"
)
HOSTS = st.lists(st.from_regex(r"[a-z0-9_-]{1,9}", fullmatch=True), min_size=1, max_size=4).map(
    lambda found: b"".join(bytes((len(label),)) + label.encode() for label in found) + b"\0"
)
RDATA = st.one_of(
    st.tuples(st.just(registry.A), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(registry.AAAA), st.binary(min_size=16, max_size=16)),
    st.tuples(st.sampled_from([registry.CNAME, registry.PTR]), HOSTS),
    st.tuples(st.just(registry.MX), HOSTS.map(lambda name: b"\0\x0a" + name)),
    st.tuples(st.just(registry.SRV), HOSTS.map(lambda name: b"\0\1\0\2\0\3" + name)),
    st.tuples(
        st.just(registry.TXT),
        st.lists(st.binary(max_size=99), min_size=1, max_size=3).map(rdata.pack_strings),
    ),
    st.tuples(st.sampled_from([257, 65_280]), st.binary(max_size=40)),
)


@given(NAMES, st.integers(0, 604_800), RDATA)
def test_what_is_written_is_read_back(owner: bytes, ttl: int, data: tuple[int, bytes]) -> None:
    record = ZoneRecord(owner, ttl, *data)
    assert read_line(write_line(record)) == record


@given(st.text('ab*."\\();\n\t @$1:AINTXCAMEOG', max_size=120), st.sampled_from(["", "example."]))
def test_any_text_is_read(text: str, origin: str) -> None:
    zone = read_zone(text, origin)
    assert isinstance(zone, ZoneFile)
    for line, record in zone.records:
        assert 1 <= line <= text.count("\n") + 1
        assert read_line(write_line(record)) == record
    for fault in zone.faults:
        assert 0 <= fault.line <= text.count("\n") + 1
