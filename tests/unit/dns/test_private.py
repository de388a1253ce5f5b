"""Networks that a public name must not lead to: their first and last addresses, and their neighbours."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.private import FOUR, SIX, is_private

NETWORKS = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.168.0.0/16", "::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "::ffff:10.0.0.0/104",
    "::ffff:192.168.0.0/112", "::127.0.0.0/104", "64:ff9b::a00:0/104", "64:ff9b::7f00:0/104",
    "::ffff:0:169.254.0.0/112", "2002:a00::/24", "2002:c0a8::/32",
)  # fmt: skip

PUBLIC = (
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "2001:db8::1", "2000::",
    "fbff:ffff::1", "fe00::1", "fe7f:ffff::1", "ff02::1", "::ffff:192.0.2.1", "64:ff9b::c000:201",
    "64:ff9b:1::a00:1", "64:ff9b:0:1::a00:1", "2002:c000:201::1", "2003::a00:1", "1:2:3:4:5:6:a00:1",
    "::1:0:a00:1", "::192.0.2.1",
)  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_a_private_network(network: str) -> None:
    net = ipaddress.ip_network(network)
    assert is_private(net[0].packed) and is_private(net[-1].packed)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address(address: str) -> None:
    assert not is_private(ipaddress.ip_address(address).packed)


@given(st.binary(max_size=20).filter(lambda octets: len(octets) not in (4, 16)))
def test_what_is_no_address(octets: bytes) -> None:
    assert not is_private(octets)


@given(st.binary(min_size=4, max_size=4))
def test_the_first_two_octets_settle_an_ipv4_address(address: bytes) -> None:
    expected = any(ipaddress.ip_address(address) in ipaddress.ip_network(net) for net in NETWORKS[:7])
    assert is_private(address) == (address[:2] in FOUR) == expected
    assert is_private(b"\0" * 10 + b"\xff\xff" + address) == expected


@given(st.sampled_from([*sorted(SIX), b"\x20\x01"]), st.binary(min_size=14, max_size=14))
def test_an_ipv6_address_is_private_only_with_such_a_beginning(head: bytes, rest: bytes) -> None:
    assert not is_private(head + rest) or head in SIX
    # Whatever the standard library calls global is nobody's neighbour, unless it carries one.
    address = ipaddress.IPv6Address(head + rest)
    if address.is_global and not address.is_site_local and not address.sixtofour:
        assert not is_private(head + rest) or head in (b"\0\0", b"\0\x64")
