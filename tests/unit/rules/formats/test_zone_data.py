"""The data of a record: words of a zone file to octets, or why not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import rdata
from resolver.dns.registry import CNAME, type_name
from resolver.rules.formats.zone_data import read_data
from resolver.rules.formats.zone_lines import Entry, ZoneLines
from resolver.rules.formats.zone_names import Zone
from resolver.rules.lines import Skip
from resolver.rules.side import Record

DATA = {
    "A 192.0.2.1": "A 192.0.2.1",
    "AAAA 2001:DB8::1": "AAAA 2001:db8::1",
    "CNAME B.Example.": "CNAME b.example",
    "CNAME b": "CNAME b.rpz.example",
    "PTR b.example.": "PTR b.example",
    "MX 10 mail": "MX 10 mail.rpz.example",
    "MX 0 .": "MX 0 .",
    "SRV 1 2 443 b.example.": "SRV 1 2 443 b.example",
    "HTTPS 1 . alpn=h3,h2": "HTTPS 1 . alpn=h3,h2",
    'HTTPS 1 . alpn="h3,h2" port=443': "HTTPS 1 . alpn=h3,h2 port=443",
    "SVCB 0 b.example.": "SVCB 0 b.example",
    'TXT "a b" c': r"TXT a\032b c",
    'TXT ""': "TXT ",
    'TXT "@"': "TXT @",
    "TYPE65280 \\# 2 ab CD": "TYPE65280 abcd",
    "TYPE65280 \\# 0": "TYPE65280 ",
    "CAA \\# 2 abcd": "CAA abcd",
    "TYPE257 \\# 2 abcd": "CAA abcd",
    # faults
    "A 192.0.2": "invalid bad-record",
    "A 192.0.2.1 192.0.2.2": "invalid bad-record",
    "AAAA 192.0.2.1": "invalid bad-record",
    "MX 10": "invalid bad-record",
    "MX x b.example.": "invalid bad-record",
    "CNAME b..example.": "invalid label-empty",
    "CNAME a.example. b.example.": "invalid bad-record",
    "MX 10 *.b.example.": "invalid bad-record",
    "HTTPS 1 . nonsense=1": "invalid bad-record",
    "TYPE65280 abcd": "unenforceable record-type",
    "TYPE65280 \\# 3 abcd": "invalid bad-record",
    "TYPE65280 \\# 2 abc": "invalid bad-record",
    "TYPE65280 \\# 1 zz": "invalid bad-record",
    "TYPE65280 \\#": "invalid bad-record",
    f"TYPE65280 \\# 5000 {'00' * 5000}": "invalid bad-record",
    # types that are not answered with
    "TYPE1 \\# 4 c0000201": "unenforceable record-type",
    "OPT \\# 0": "unenforceable record-type",
    "TYPE255 \\# 0": "unenforceable record-type",
    'CAA 0 issue "x"': "unenforceable record-type",
    "DNAME b.example.": "unenforceable record-type",
}


def words(record: Record | Skip) -> str:
    if isinstance(record, Skip):
        return f"{record.outcome} {record.code}"
    known = rdata.to_words(record.rtype, record.rdata)
    return f"{type_name(record.rtype)} {record.rdata.hex() if known is None else ' '.join(known)}"


def read(text: str) -> Record | Skip:
    zone = Zone()
    zone.set_origin("rpz.example.")
    entry = ZoneLines().take(text, 1)
    assert isinstance(entry, Entry)
    return read_data(entry.words[0], entry.words[1:], zone.target)


@pytest.mark.parametrize(("text", "expected"), DATA.items(), ids=lambda value: value[:40])
def test_data(text: str, expected: str) -> None:
    assert words(read(text)) == expected


def test_alias_with_the_qname_in_it() -> None:
    assert read("CNAME *.Garden.example.") == Record(5, b"\1*\6garden\7example\0")


@given(
    st.sampled_from(sorted(rdata.TYPES)).map(type_name), st.text('0123ab.:*\\#=,"', min_size=1, max_size=20)
)
def test_any_words_are_read(name: str, text: str) -> None:
    found = read_data(name, text.split("#") or ["x"], Zone().target)
    if isinstance(found, Record):
        octets = found.rdata.removeprefix(b"\1*") if found.rtype == CNAME else found.rdata
        assert rdata.to_words(found.rtype, octets) is not None
