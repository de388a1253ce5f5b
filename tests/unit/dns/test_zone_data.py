"""The data of a record: words of a zone file to octets, or why not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import rdata
from resolver.dns.names import Fault, to_text
from resolver.dns.registry import CNAME, type_name
from resolver.dns.zone_data import is_absolute, read_data, read_labels
from resolver.dns.zone_lines import Entry, ZoneLines

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
    "A 192.0.2": "bad-record",
    "A 192.0.2.1 192.0.2.2": "bad-record",
    "AAAA 192.0.2.1": "bad-record",
    "MX 10": "bad-record",
    "MX x b.example.": "bad-record",
    "CNAME b..example.": "label-empty",
    "CNAME a.example. b.example.": "bad-record",
    "MX 10 *.b.example.": "bad-record",
    "HTTPS 1 . nonsense=1": "bad-record",
    "TYPE65280 abcd": "record-type",
    "TYPE65280 \\# 3 abcd": "bad-record",
    "TYPE65280 \\# 2 abc": "bad-record",
    "TYPE65280 \\# 1 zz": "bad-record",
    "TYPE65280 \\#": "bad-record",
    f"TYPE65280 \\# 5000 {'00' * 5000}": "bad-record",
    # types that are not answered with
    "TYPE1 \\# 4 c0000201": "record-type",
    "OPT \\# 0": "record-type",
    "TYPE255 \\# 0": "record-type",
    'CAA 0 issue "x"': "record-type",
    "DNAME b.example.": "record-type",
}


NAMES = {
    "A.Example": "a.example",
    "a.example.": "a.example",
    ".": ".",
    "*": "*",
    "*.": "*",
    "*.a.example.": "*.a.example",
    "bücher.example": "xn--bcher-kva.example",
    "_x.-y.example": "_x.-y.example",
    r"a\.b.example": r"a\.b.example",
    r"A\255.example": r"a\255.example",
    r"a\000.example": r"a\000.example",
    r"\065.example": "a.example",
    "a..example": "label-empty",
    ".a.example": "label-empty",
    f"{'a' * 64}.example": "label-too-long",
    f"*.{'a.' * 126}a": "name-too-long",
    "a/b.example": "bad-character",
    "a.*.example": "wildcard-inside",
    "a*.example": "wildcard-inside",
    "*.*.example": "wildcard-inside",
    r"a\256.example": "bad-escape",
    r"a\1.example": "bad-escape",
    "a.example\\": "bad-escape",
    r"ü\.example": "bad-escape",
}


def words(found: tuple[int, bytes] | Fault) -> str:
    if isinstance(found, Fault):
        return found.code
    rtype, octets = found
    known = rdata.to_words(rtype, octets)
    return f"{type_name(rtype)} {octets.hex() if known is None else ' '.join(known)}"


def whole(text: str) -> bytes | Fault:
    """A name relative to rpz.example."""
    name = b"" if text == "@" else read_labels(text)
    if isinstance(name, Fault) or is_absolute(text):
        return name
    return name + b"\3rpz\7example"


def read(text: str) -> tuple[int, bytes] | Fault:
    entry = ZoneLines().take(text, 1)
    assert isinstance(entry, Entry)
    return read_data(entry.words[0], entry.words[1:], whole)


@pytest.mark.parametrize(("text", "expected"), DATA.items(), ids=lambda value: value[:40])
def test_data(text: str, expected: str) -> None:
    assert words(read(text)) == expected


def test_alias_with_the_qname_in_it() -> None:
    assert read("CNAME *.Garden.example.") == (5, b"\1*\6garden\7example\0")


def shown(found: bytes | Fault) -> str:
    return found.code if isinstance(found, Fault) else to_text(found + b"\0")


@pytest.mark.parametrize(("text", "expected"), NAMES.items(), ids=lambda value: value[:30])
def test_name(text: str, expected: str) -> None:
    assert shown(read_labels(text)) == expected


@pytest.mark.parametrize(
    ("text", "absolute"),
    [("a.", True), ("a", False), (r"a\.", False), (r"a\\.", True), (".", True), ("", False), (r"\.", False)],
)
def test_absolute(text: str, absolute: bool) -> None:
    assert is_absolute(text) == absolute


@given(
    st.sampled_from(sorted(rdata.TYPES)).map(type_name), st.text('0123ab.:*\\#=,"', min_size=1, max_size=20)
)
def test_any_words_are_read(name: str, text: str) -> None:
    found = read_data(name, text.split("#") or ["x"], whole)
    if not isinstance(found, Fault):
        rtype, octets = found
        octets = octets.removeprefix(b"\1*") if rtype == CNAME else octets
        assert rdata.to_words(rtype, octets) is not None
