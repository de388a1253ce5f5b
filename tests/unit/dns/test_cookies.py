"""Cookies: the vectors that were published, and what each octet of a cookie is held to.

RFC 9018 A has the cookies; the hash alone has the vectors of its authors' reference implementation, whose
key is 00 01 .. 0f and whose messages are the first octets of 00 01 02 ...
"""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.cookies import (
    AHEAD,
    LIFETIME,
    SECRET_OCTETS,
    SERVER_OCTETS,
    age,
    made,
    proven,
    reply,
    server_cookie,
    siphash,
    split,
)
from resolver.dns.edns import written
from resolver.dns.query import CookieQuery

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
CLIENT = bytes.fromhex("2464c4abcf10c957")
ADDRESS = ipaddress.ip_address("198.51.100.100").packed
NOW = 1_559_731_985

secrets = st.binary(min_size=SECRET_OCTETS, max_size=SECRET_OCTETS)
clients = st.binary(min_size=8, max_size=8)
addresses = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
times = st.integers(0, 1 << 34)


# The hash

HASHES = {
    0: "310e0edd47db6f72",
    1: "fd67dc93c539f874",
    2: "5a4fa9d909806c0d",
    7: "37d1018bf50002ab",
    8: "6224939a79f5f593",
    15: "e545be4961ca29a1",  # the vector that the paper works through
}


@pytest.mark.parametrize(("length", "expected"), HASHES.items())
def test_the_hash_of_the_reference_implementation(length: int, expected: str) -> None:
    assert siphash(bytes(range(16)), bytes(range(length))).hex() == expected


@given(secrets, st.binary(max_size=80), st.integers(0, 79))
def test_every_octet_and_the_length_count(key: bytes, data: bytes, index: int) -> None:
    assert siphash(key, data + b"\0") != siphash(key, data)
    if index < len(data):
        changed = data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
        assert siphash(key, changed) != siphash(key, data)


# RFC 9018 A

VECTORS: dict[str, tuple[str, str, str, int, str]] = {
    "A.1 the first": (
        "e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", "198.51.100.100", 1_559_731_985,
        "010000005cf79f111f8130c3eee29480",
    ),
    "A.2 renewed": (
        "e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", "198.51.100.100", 1_559_734_385,
        "010000005cf7a871d4a564a1442aca77",
    ),
    "A.3 another client": (
        "e5e973e5a6b2a43f48e7dc849e37bfcf", "fc93fc62807ddb86", "203.0.113.203", 1_559_734_700,
        "010000005cf7a9acf73a7810aca2381e",
    ),
    "A.4 IPv6, another secret": (
        "445536bcd2513298075a5d379663c962", "22681ab97d52c298",
        "2001:db8:220:1:59de:d0f4:8769:82b8", 1_559_741_961, "010000005cf7c609a6bb79d16625507a",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("secret", "client", "address", "now", "expected"), VECTORS.values(), ids=VECTORS)
def test_published_cookies(secret: str, client: str, address: str, now: int, expected: str) -> None:
    key, cookie, packed = bytes.fromhex(secret), bytes.fromhex(client), ipaddress.ip_address(address).packed
    server = server_cookie(key, cookie, packed, now)
    assert server.hex() == expected
    assert proven(key, cookie, server, packed) and age(server, now) == 0


RECEIVED: dict[str, tuple[str, str, str, str]] = {
    "A.3 reserved octets that are not zero": (
        "e5e973e5a6b2a43f48e7dc849e37bfcf", "fc93fc62807ddb86", "203.0.113.203",
        "01abcdef5cf78f71a314227b6679ebf5",
    ),
    "A.4 the secret before": (
        "dd3bdf9344b678b185a6f5cb60fca715", "22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8",
        "010000005cf7c57926556bd0934c72f8",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("secret", "client", "address", "server"), RECEIVED.values(), ids=RECEIVED)
def test_cookies_that_the_vectors_have_received(secret: str, client: str, address: str, server: str) -> None:
    """RFC 9018 4.2: reserved octets are hashed as they came, and not enforced."""
    packed = ipaddress.ip_address(address).packed
    assert proven(bytes.fromhex(secret), bytes.fromhex(client), bytes.fromhex(server), packed)


# What proves something


@given(secrets, clients, addresses, times)
def test_a_cookie_proves_client_and_address(secret: bytes, client: bytes, address: bytes, now: int) -> None:
    server = server_cookie(secret, client, address, now)
    assert len(server) == SERVER_OCTETS and made(server) == now & 0xFFFF_FFFF
    assert proven(secret, client, server, address)
    assert not proven(secret, client, server, bytes([address[0] ^ 1]) + address[1:])
    assert not proven(secret, bytes([client[0] ^ 1]) + client[1:], server, address)
    assert not proven(bytes([secret[0] ^ 1]) + secret[1:], client, server, address)


@pytest.mark.parametrize("index", range(SERVER_OCTETS))
def test_not_an_octet_of_it_may_change(index: int) -> None:
    server = bytearray(server_cookie(SECRET, CLIENT, ADDRESS, NOW))
    server[index] ^= 0x80
    assert not proven(SECRET, CLIENT, bytes(server), ADDRESS)


# For how long

AGES = {
    -AHEAD - 1: None,
    -AHEAD: -AHEAD,
    -1: -1,
    0: 0,
    1: 1,
    1800: 1800,
    LIFETIME: LIFETIME,
    LIFETIME + 1: None,
    1 << 31: None,
}


@pytest.mark.parametrize("now", [NOW, 0xFFFF_FFFF, 0x1_0000_0000, 0x1_0000_0500, 1 << 33])
@pytest.mark.parametrize(("passed", "expected"), AGES.items())
def test_an_hour_back_and_five_minutes_ahead(passed: int, expected: int | None, now: int) -> None:
    """RFC 9018 4.3, by serial number arithmetic (RFC 1982): also where 32 bits begin anew."""
    assert age(server_cookie(SECRET, CLIENT, ADDRESS, now - passed), now) == expected


@pytest.mark.parametrize(
    "server",
    [b"", b"\1" * 8, b"\1" * 15, b"\1" * 17, b"\1" * 32, b"\0" + b"\1" * 15, b"\2" + b"\1" * 15],
)
def test_cookies_of_another_form_are_not_ours(server: bytes) -> None:
    assert made(server) is None and age(server, NOW) is None


# The option


@pytest.mark.parametrize("length", range(50))
def test_lengths(length: int) -> None:
    """RFC 7873 5.2.2: 8 octets, or 16 to 40; anything else is malformed."""
    data = bytes(range(length))
    good = length == 8 or 16 <= length <= 40
    assert split(data) == ((data[:8], data[8:]) if good else None)


# The reply to a query without a question


@pytest.mark.parametrize("rcode", [registry.NOERROR, registry.FORMERR, registry.BADCOOKIE])
@pytest.mark.parametrize("dnssec", [False, True])
@pytest.mark.parametrize("flags", [0, 0x0100, 0x0170])
def test_a_reply_without_a_question(rcode: int, dnssec: bool, flags: int) -> None:
    """RFC 7873 5.4; RFC 6891 6.1.3: BADCOOKIE is 23, of which the header holds four bits."""
    query = CookieQuery(0xBEEF, flags, dnssec, b"")
    option = written(registry.OPTION_COOKIE, CLIENT + b"s" * 16)
    message = dns.message.from_wire(reply(query, rcode, option))
    assert message.id == 0xBEEF and message.rcode() == rcode and not message.question
    assert int(message.flags) & 0xFFF0 == 0x8080 | flags & 0x0100, "AD, CD and Z are clear"
    assert message.ednsflags & 0xFFFF == (0x8000 if dnssec else 0) and message.payload == 1232
    (cookie,) = message.options
    assert isinstance(cookie, dns.edns.CookieOption)
    assert (cookie.client, cookie.server) == (CLIENT, b"s" * 16)
