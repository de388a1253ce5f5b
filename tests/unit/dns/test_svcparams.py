"""Parameters of SVCB records: each key, and what RFC 9460 asks of them together."""

from __future__ import annotations

import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.svcparams import MAX_PARAMETERS, read_parameters, write_parameters

GOOD = [
    "",
    "alpn=h3",
    "alpn=h2,h3",
    "alpn=h3 no-default-alpn",
    "port=0",
    "port=65535",
    "ipv4hint=192.0.2.1",
    "ipv4hint=192.0.2.1,192.0.2.2",
    "ipv6hint=2001:db8::1,2001:db8::2",
    "dohpath=/dns-query{?dns}",
    "key65280=a-b,c",
    "key65280",
    "key9=x key65534=y",
    "mandatory=alpn alpn=h3",
    "mandatory=alpn,port alpn=h3 port=443",
]

BAD = [
    "=", "alpn", "alpn=", "alpn=,h3", "alpn=h3,", 'alpn="h3"', r"alpn=h\051", "alpn=" + "x" * 256,
    "ALPN=h3", "alpn=h3 alpn=h2", "no-default-alpn", "no-default-alpn=1 alpn=h3", "port", "port=65536",
    "port=+1", "port=x", "ipv4hint", "ipv4hint=192.0.2", "ipv4hint=2001:db8::1", "ipv4hint=192.0.2.1,",
    "ipv6hint=192.0.2.1", "ipv6hint=fe80::1%eth0", "ech", "ech=!", "ech=aGVsbG8", "dohpath", "dohpath=/ü",
    "unknown=1", "key=1", "key1=h3", "key08=x", "key65535=x", "key65536=x", "key-1=x", "key99999999=x",
    "mandatory", "mandatory=alpn", "mandatory=mandatory", "mandatory=port,port port=1",
    "mandatory=unknown", "mandatory=alpn, alpn=h3",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_reads_as_dnspython_and_writes_back(text: str) -> None:
    octets = read_parameters(text.split())
    expected = dns.rdata.from_text("IN", "SVCB", f"1 . {text}").to_wire()
    assert octets is not None and expected == b"\0\x01\0" + octets
    assert write_parameters(octets) == text.split()


@pytest.mark.parametrize("text", BAD)
def test_refused(text: str) -> None:
    assert read_parameters(text.split()) is None


def test_encrypted_client_hello_is_not_looked_into() -> None:
    octets = read_parameters(["ech=aGVsbG8="])
    assert octets == b"\0\x05\0\x05hello" and write_parameters(octets) == ["ech=aGVsbG8="]


def test_order_on_the_wire_is_that_of_the_keys() -> None:
    assert read_parameters(["port=1", "alpn=h3"]) == read_parameters(["alpn=h3", "port=1"])
    assert read_parameters(["mandatory=port,alpn", "port=1", "alpn=h3"]) == read_parameters(
        ["mandatory=alpn,port", "port=1", "alpn=h3"]
    )


def test_how_many_are_read() -> None:
    assert read_parameters([f"key{n}" for n in range(100, 100 + MAX_PARAMETERS)]) is not None
    assert read_parameters([f"key{n}" for n in range(100, 101 + MAX_PARAMETERS)]) is None


@pytest.mark.parametrize(
    "octets",
    [
        b"\0",
        b"\0\x01\0",
        b"\0\x01\0\x02h",
        b"\0\0\0\x01x",
        b"\0\0\0\0",
        b"\0\x01\0\0",
        b"\0\x01\0\x02\x05h",
        b"\0\x01\0\x02\x01,",
        b"\0\x02\0\x01x",
        b"\0\x03\0\x01x",
        b"\0\x04\0\x03xxx",
        b"\0\x05\0\0",
        b"\0\x06\0\x04xxxx",
        b"\0\x07\0\x01 ",
        b"\0\x09\0\x01\xff",
    ],
)
def test_malformed_octets_are_not_written(octets: bytes) -> None:
    assert write_parameters(octets) is None


@given(st.binary(max_size=60))
def test_any_octets(octets: bytes) -> None:
    words = write_parameters(octets)
    assert words is None or all(word.isascii() and word.isprintable() and " " not in word for word in words)


@given(st.lists(st.one_of(st.sampled_from([*GOOD, *BAD]), st.text(max_size=20)), max_size=5))
def test_any_words(words: list[str]) -> None:
    octets = read_parameters(words)
    if octets is not None:
        written = write_parameters(octets)
        assert written is not None and read_parameters(written) == octets
