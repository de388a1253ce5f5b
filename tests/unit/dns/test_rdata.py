"""RDATA: what the words say is what dnspython says they say, and no octets and no words raise anything."""

from __future__ import annotations

import ipaddress

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import rdata
from resolver.dns.registry import TYPE_NAMES, type_number

READ = [
    ("A", "192.0.2.1"),
    ("AAAA", "2001:db8::1"),
    ("CNAME", "a.example"),
    ("PTR", "_x.a.example"),
    ("MX", "32 mail.example"),
    ("MX", "0 ."),
    ("TXT", "hello_world"),
    ("TXT", r"a\032b \255 c"),
    ("SRV", "10 60 8080 a.example"),
    ("SRV", "65535 0 0 ."),
    ("HTTPS", "32 a.example alpn=h3"),
    ("HTTPS", "0 a.example"),
    ("SVCB", "1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1"),
    ("SVCB", "1 . mandatory=alpn,port alpn=h2 port=853 key65280=x"),
]

LOOSE = [  # read, and written in the one form
    ("AAAA", "::ffff:192.0.2.1", str(ipaddress.ip_address("::ffff:192.0.2.1"))),  # by version of Python
    ("CNAME", "A.Example.", "a.example"),
    ("CNAME", "bücher.example", "xn--bcher-kva.example"),
    ("AAAA", "2001:0DB8:0::1", "2001:db8::1"),
    ("MX", "010 a.example", "10 a.example"),
    ("HTTPS", "1 . port=443 alpn=h3", "1 . alpn=h3 port=443"),
    ("TXT", r"\097", "a"),
    ("TXT", r"a\"b", r"a\034b"),
]

BAD = [
    ("A", ""), ("A", "192.0.2"), ("A", "192.0.2.01"), ("A", "2001:db8::1"), ("A", "192.0.2.1 192.0.2.2"),
    ("AAAA", ""), ("AAAA", "192.0.2.1"), ("AAAA", "fe80::1%eth0"), ("AAAA", "2001:db8::1 x"),
    ("CNAME", ""), ("CNAME", "."), ("CNAME", "a..b"), ("CNAME", "a b"), ("CNAME", "*.a.example"),
    ("PTR", "."), ("PTR", "a" * 64),
    ("MX", "a.example"), ("MX", "65536 a.example"), ("MX", "-1 a.example"), ("MX", "\u0661 a.example"),
    ("MX", "1 2 a.example"), ("MX", "1 a!b"),
    ("TXT", ""), ("TXT", "\\"), ("TXT", r"\256"), ("TXT", r"\25"), ("TXT", "x" * 256),
    ("SRV", "1 2 3"), ("SRV", "1 2 a.example 3"), ("SRV", "1 2 99999 a.example"),
    ("HTTPS", "1"), ("HTTPS", "x a.example"), ("HTTPS", "1 a..b"), ("HTTPS", "0 a.example alpn=h3"),
    ("HTTPS", "1 . alpn"), ("SVCB", "1 . nothing=1"),
    ("NS", "a.example"), ("SOA", "."), ("TYPE65280", "x"),
]  # fmt: skip


def wire(name: str, text: str) -> bytes | None:
    return rdata.from_words(type_number(name) or 0, text.split())


@pytest.mark.parametrize(("name", "text"), READ)
def test_reads_as_dnspython_and_writes_back(name: str, text: str) -> None:
    octets = wire(name, text)
    rtype = dns.rdatatype.from_text(name)
    expected = dns.rdata.from_text(dns.rdataclass.IN, rtype, text, dns.name.root, relativize=False)
    assert octets == expected.to_wire()
    written = rdata.to_words(type_number(name) or 0, octets or b"")
    assert written == text.split()


@pytest.mark.parametrize(("name", "text", "written"), LOOSE)
def test_one_form_is_written(name: str, text: str, written: str) -> None:
    assert rdata.to_words(type_number(name) or 0, wire(name, text) or b"") == written.split()


@pytest.mark.parametrize(("name", "text"), BAD)
def test_says_no_data(name: str, text: str) -> None:
    assert wire(name, text) is None


def test_types_are_those_of_the_tests() -> None:
    assert {TYPE_NAMES[number] for number in rdata.TYPES} == {name for name, _ in READ}


def test_text_is_bounded_as_a_whole() -> None:
    assert rdata.from_words(16, ["x" * 255] * 16) is not None
    assert rdata.from_words(16, ["x" * 255] * 17) is None
    assert rdata.read_string("x" * rdata.MAX_TEXT) is not None
    assert rdata.read_string("x" * (rdata.MAX_TEXT + 1)) is None
    assert rdata.read_string("ü\udc80") == "ü?".encode()


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("A", b"\x01"),
        ("AAAA", b"\x01" * 4),
        ("CNAME", b""),
        ("CNAME", b"\x01a"),
        ("CNAME", b"\x01a\0\0"),
        ("CNAME", b"\xc0\x0c"),
        ("CNAME", b"\x01a" * 127 + b"\x01a\0"),
        ("MX", b"\0"),
        ("MX", b"\0\x01"),
        ("SRV", b"\0\x01\0\x01\0"),
        ("TXT", b""),
        ("TXT", b"\x02a"),
        ("HTTPS", b"\0"),
        ("HTTPS", b"\0\x01"),
        ("HTTPS", b"\0\x01\0\0\x01\0"),
        ("SVCB", b"\0\x01\xc0\x0c"),
        ("SOA", b"\0"),
    ],
)
def test_malformed_octets_are_not_written(name: str, octets: bytes) -> None:
    assert rdata.to_words(type_number(name) or 0, octets) is None


def test_a_name_with_odd_octets_is_written_escaped() -> None:
    assert rdata.to_words(5, b"\x03a.b\x01*\0") == [r"a\.b.*"]


def test_notation_for_any_type() -> None:
    assert rdata.to_unknown(b"\xc0\0") == ["\\#", "2", "c000"]
    assert rdata.to_unknown(b"") == ["\\#", "0"]


@given(rtype=st.sampled_from(sorted(rdata.TYPES)), octets=st.binary(max_size=80))
def test_any_octets(rtype: int, octets: bytes) -> None:
    words = rdata.to_words(rtype, octets)
    if words is not None:
        assert all(word.isascii() and word.isprintable() for word in words)


@given(rtype=st.sampled_from(sorted(rdata.TYPES)), words=st.lists(st.text(max_size=20), max_size=6))
def test_any_words(rtype: int, words: list[str]) -> None:
    octets = rdata.from_words(rtype, words)
    if octets is not None:
        written = rdata.to_words(rtype, octets)
        assert written is not None and rdata.from_words(rtype, written) == octets


@given(st.lists(st.binary(max_size=255), min_size=1, max_size=6))
def test_any_text_reads_back(strings: list[bytes]) -> None:
    octets = rdata.pack_strings(strings)
    words = rdata.to_words(16, octets) or []
    assert rdata.from_words(16, words) == octets
